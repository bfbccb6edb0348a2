// What `vitok bench` is asked to do, in the words of its command line.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vitok {

struct BenchOptions {
  std::vector<std::string> servers = {"127.0.0.1:8500"};
  int streams = 0;      // over which requests go, at all servers together; 0: unary calls
  int connections = 0;  // to each server; 0: one for every 100 streams, or requests that may be in flight
  int threads = 1;
  double deadline_s = 60;
  bool retries = false;

  std::string method = "encode";  // encode, decode, reconstruct
  std::string model;              // empty: the server's default
  std::string preprocess;         // empty: the model's
  std::string priority = "interactive";
  std::string output = "uint8";  // uint8, float16, bfloat16, float32, png, jpeg, webp
  int quality = 0;               // 0: the server's default
  std::string latent_dtype;      // float32, float16, bfloat16; empty: the model's

  std::string sizes = "256x256";      // see SizeDistribution
  std::vector<std::string> pictures;  // files and folders; if not empty, in place of sizes
  std::string input;                  // raw, jpeg, png, file; empty: file for pictures, else raw
  std::string latents;                // random, encoded; empty: encoded for pictures, else random
  int items = 1;
  int pool = 0;  // 0: 64 requests, or as many as hold all pictures
  uint64_t seed = 1;

  int concurrency = 1;               // of a closed loop
  double rate_per_s = 0;             // of an open loop; 0: closed loop
  std::string arrivals = "poisson";  // poisson, constant
  int64_t max_in_flight = 1024;

  double warm_up_s = 2;
  double duration_s = 0;  // 0: no bound
  int64_t requests = 0;   // 0: no bound

  bool json = false;
};

}  // namespace vitok
