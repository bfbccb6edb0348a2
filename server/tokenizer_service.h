// vitok.v1.Tokenizer over gRPC's callback API.
#pragma once

#include "server/service_context.h"
#include "vitok/v1/tokenizer.grpc.pb.h"

namespace vitok {

// The methods that carry payloads get messages as gRPC received them and send replies as they are (request_bytes.h,
// reply_bytes.h).
using RawTokenizerService = v1::Tokenizer::WithRawCallbackMethod_Encode<
    v1::Tokenizer::WithRawCallbackMethod_Decode<v1::Tokenizer::WithRawCallbackMethod_Reconstruct<
        v1::Tokenizer::WithRawCallbackMethod_EncodeStream<v1::Tokenizer::WithRawCallbackMethod_DecodeStream<
            v1::Tokenizer::WithRawCallbackMethod_ReconstructStream<v1::Tokenizer::WithCallbackMethod_ListModels<
                v1::Tokenizer::WithCallbackMethod_GetServerInfo<v1::Tokenizer::Service>>>>>>>>;

// Thread-safe; no method blocks the gRPC thread it is called on.
class TokenizerService final : public RawTokenizerService {
 public:
  using StreamReactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

  explicit TokenizerService(const ServiceContext& context) : context_(context) {}

  grpc::ServerUnaryReactor* Encode(grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Decode(grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Reconstruct(grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;
  StreamReactor* EncodeStream(grpc::CallbackServerContext* rpc) override;
  StreamReactor* DecodeStream(grpc::CallbackServerContext* rpc) override;
  StreamReactor* ReconstructStream(grpc::CallbackServerContext* rpc) override;
  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* rpc, const v1::ListModelsRequest* request,
                                       v1::ListModelsResponse* response) override;
  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* rpc, const v1::GetServerInfoRequest* request,
                                          v1::GetServerInfoResponse* response) override;

 private:
  const ServiceContext context_;
};

}  // namespace vitok
