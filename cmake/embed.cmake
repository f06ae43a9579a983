# Texts that the binary carries. postern_embed_text(layer file name): `extern const unsigned char name[]; extern const size_t name_bytes;`
function(postern_embed_text layer file name)
    set(output ${PROJECT_BINARY_DIR}/embedded/${name}.c)
    add_custom_command(OUTPUT ${output} DEPENDS ${PROJECT_SOURCE_DIR}/${file} ${PROJECT_SOURCE_DIR}/cmake/embed_text.cmake
        COMMAND ${CMAKE_COMMAND} -D INPUT=${PROJECT_SOURCE_DIR}/${file} -D NAME=${name} -D OUTPUT=${output} -P ${PROJECT_SOURCE_DIR}/cmake/embed_text.cmake
        COMMENT "embedding ${file}" VERBATIM)
    target_sources(postern_${layer} PRIVATE ${output})
endfunction()

# The check library: every posture/check_library/<id>.yaml.
function(postern_embed_library layer folder)
    set(output ${PROJECT_BINARY_DIR}/embedded/check_library_entries.c)
    file(GLOB checks CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.yaml)
    add_custom_command(OUTPUT ${output} DEPENDS ${checks} ${PROJECT_SOURCE_DIR}/${folder}.cmake
        COMMAND ${CMAKE_COMMAND} -D FOLDER=${PROJECT_SOURCE_DIR}/${folder} -D OUTPUT=${output} -P ${PROJECT_SOURCE_DIR}/${folder}.cmake
        COMMENT "embedding the check library" VERBATIM)
    target_sources(postern_${layer} PRIVATE ${output})
endfunction()
