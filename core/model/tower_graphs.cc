#include "core/model/tower_graphs.h"

namespace vitok {

std::unique_ptr<TowerGraphs> TowerGraphs::Create([[maybe_unused]] Precision precision,
                                                 [[maybe_unused]] at::Device device) {
#ifdef VITOK_CUDA
  if (device.is_cuda() && precision != Precision::kFloat32) return MakeTowerGraphsCuda(device);
#endif
  return nullptr;
}

}  // namespace vitok
