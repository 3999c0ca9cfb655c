# SPDX-License-Identifier: Apache-2.0
# lathe_folder(NAME COMPONENT core|engine|io|mpi|cli [LINKS folders...] [PUBLIC targets...] [PRIVATE targets...])
# Makes the static library lathe_NAME out of src/NAME/*.cpp, src/NAME/kernels/*.cpp and
# include/lathe/NAME/*.hpp.
function(lathe_folder name)
  cmake_parse_arguments(arg "" "COMPONENT" "LINKS;PUBLIC;PRIVATE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cpp
       ${PROJECT_SOURCE_DIR}/src/${name}/kernels/*.cpp)
  if(sources)
    add_library(lathe_${name} STATIC ${sources})
    set(scope PUBLIC)
    target_link_libraries(lathe_${name} PRIVATE $<BUILD_INTERFACE:lathe_flags> ${arg_PRIVATE})
    set_target_properties(lathe_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON
      CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
    # A shared library that embeds lathe shows nothing of it, std templates over lathe's types included.
    target_link_options(lathe_${name} INTERFACE LINKER:--exclude-libs,liblathe_${name}.a)
    target_include_directories(lathe_${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  else()
    add_library(lathe_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(lathe_${name} ${scope}
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
  target_compile_features(lathe_${name} ${scope} cxx_std_20)
  set(links ${arg_LINKS})
  list(TRANSFORM links PREPEND lathe_)
  target_link_libraries(lathe_${name} ${scope} ${links} ${arg_PUBLIC})
  set_property(GLOBAL APPEND PROPERTY LATHE_FOLDERS_${arg_COMPONENT} ${name})
  set_property(GLOBAL PROPERTY LATHE_COMPONENT_OF_${name} ${arg_COMPONENT})
  set_property(GLOBAL APPEND PROPERTY LATHE_LINKS_${arg_COMPONENT} ${arg_LINKS})
endfunction()

# The components that have folders in this build and are part of the library, in OUT.
function(lathe_components out)
  set(built)
  foreach(component core engine io mpi)
    get_property(folders GLOBAL PROPERTY LATHE_FOLDERS_${component})
    if(folders)
      list(APPEND built ${component})
    endif()
  endforeach()
  set(${out} ${built} PARENT_SCOPE)
endfunction()

# lathe::core, lathe::engine, lathe::io, and lathe::lathe for all of them. lathe::mpi is asked for by name:
# a program does not depend on MPI because the machine that built it has it.
function(lathe_component_targets)
  add_library(lathe_lathe INTERFACE)
  add_library(lathe::lathe ALIAS lathe_lathe)
  lathe_components(components)
  foreach(component ${components})
    get_property(folders GLOBAL PROPERTY LATHE_FOLDERS_${component})
    list(TRANSFORM folders PREPEND lathe_)
    add_library(lathe_component_${component} INTERFACE)
    target_link_libraries(lathe_component_${component} INTERFACE ${folders})
    add_library(lathe::${component} ALIAS lathe_component_${component})
    if(NOT component STREQUAL mpi)
      target_link_libraries(lathe_lathe INTERFACE lathe_component_${component})
    endif()
  endforeach()
endfunction()
