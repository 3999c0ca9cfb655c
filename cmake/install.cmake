# SPDX-License-Identifier: Apache-2.0
# cmake --install: headers, static libraries, the program, and a CMake package with one component per
# target (core, engine, io, mpi) that works from wherever the prefix is moved to.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/lathe)
set(onednn_dir ${CMAKE_INSTALL_LIBDIR}/lathe/onednn)
set(onednn_bundled OFF)

# Headers of another component than their folder: one runs networks, one needs nothing but core.
set(engine_headers evaluator/supernet.hpp)
set(core_headers store/memory_store.hpp)
set(elsewhere)
foreach(header ${engine_headers} ${core_headers})
  list(APPEND elsewhere PATTERN ${header} EXCLUDE)
endforeach()

lathe_components(lathe_components)
set(component_requirements "")
foreach(component ${lathe_components})
  get_property(folders GLOBAL PROPERTY LATHE_FOLDERS_${component})
  set(targets ${folders})
  list(TRANSFORM targets PREPEND lathe_)
  set_target_properties(lathe_component_${component} PROPERTIES EXPORT_NAME ${component})
  install(TARGETS lathe_component_${component} ${targets} EXPORT lathe-${component}
          ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT lathe-${component} NAMESPACE lathe:: DESTINATION ${package_dir})
  foreach(folder ${folders})
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/lathe/${folder}
            DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/lathe COMPONENT headers OPTIONAL ${elsewhere})
  endforeach()
  foreach(header ${${component}_headers})
    cmake_path(GET header PARENT_PATH folder)
    install(FILES ${PROJECT_SOURCE_DIR}/include/lathe/${header}
            DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/lathe/${folder} COMPONENT headers)
  endforeach()

  get_property(links GLOBAL PROPERTY LATHE_LINKS_${component})
  set(requires)
  foreach(folder ${links})
    get_property(other GLOBAL PROPERTY LATHE_COMPONENT_OF_${folder})
    list(APPEND requires ${other})
  endforeach()
  list(REMOVE_DUPLICATES requires)
  list(REMOVE_ITEM requires ${component})
  string(APPEND component_requirements "set(lathe_${component}_requires ${requires})\n")
endforeach()

# The oneDNN that cmake/setup.sh fetched is nowhere else on the machine, so it goes along.
set(fetched_onednn ${PROJECT_SOURCE_DIR}/.deps/onednn)
if(LATHE_ENGINE)
  cmake_path(IS_PREFIX fetched_onednn "${dnnl_DIR}" onednn_bundled)
endif()
if(onednn_bundled)
  install(DIRECTORY ${fetched_onednn}/ DESTINATION ${onednn_dir}
          PATTERN installed.txt EXCLUDE)
endif()
if(TARGET lathe_program)
  install(TARGETS lathe_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  if(onednn_bundled)
    file(RELATIVE_PATH from_bin /${CMAKE_INSTALL_BINDIR} /${onednn_dir}/lib)
    set_target_properties(lathe_program PROPERTIES INSTALL_RPATH "$ORIGIN/${from_bin}")
  endif()
endif()

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/lathe-config.cmake.in
  ${PROJECT_BINARY_DIR}/lathe-config.cmake
  INSTALL_DESTINATION ${package_dir} PATH_VARS onednn_dir)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/lathe-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/lathe-config.cmake ${PROJECT_BINARY_DIR}/lathe-config-version.cmake
              ${CMAKE_CURRENT_LIST_DIR}/lathe-onnx.cmake
        DESTINATION ${package_dir})
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/lathe)
