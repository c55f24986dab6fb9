# pegaflow_public: the headers in include/pegaflow. Visible to every folder, installed, and each
# compiled alone by the target all_verify_interface_header_sets (preset lint).
file(GLOB pegaflow_headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/pegaflow/*.h)
add_library(pegaflow_public INTERFACE)
add_library(pegaflow::public ALIAS pegaflow_public)
set_target_properties(pegaflow_public PROPERTIES EXPORT_NAME public)
target_compile_features(pegaflow_public INTERFACE cxx_std_20)
target_sources(pegaflow_public INTERFACE
  FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES ${pegaflow_headers})
