// Owns the precompiled <ATen/ATen.h> that all ATen targets reuse (cmake/VitokTargets.cmake).
