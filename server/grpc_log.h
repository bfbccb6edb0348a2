// gRPC's own messages in the server's log. Free of torch.
#pragma once

namespace vitok {

// Sends what gRPC logs to spdlog's default logger: errors, such as TLS handshakes that fail, as warnings, the rest for
// debugging. Of the messages of one line of gRPC's source, ten a second. Call once from main, before gRPC is used.
void RouteGrpcLog();

}  // namespace vitok
