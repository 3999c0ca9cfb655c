# SPDX-License-Identifier: Apache-2.0
# The target lathe_onnx: ONNX's protobuf classes. Debian's own CMake package of ONNX names an include
# folder that does not exist. Shared by the build and by the installed package.
find_package(Protobuf REQUIRED)
find_library(LATHE_ONNX_PROTO_LIBRARY onnx_proto REQUIRED)
if(NOT TARGET lathe_onnx)
  add_library(lathe_onnx INTERFACE IMPORTED GLOBAL)
  target_link_libraries(lathe_onnx INTERFACE ${LATHE_ONNX_PROTO_LIBRARY} protobuf::libprotobuf)
  target_compile_definitions(lathe_onnx INTERFACE ONNX_NAMESPACE=onnx ONNX_ML=1)
endif()
