# postern::strict carries the warnings and the chosen sanitizers for every target of ours.
add_library(postern_strict INTERFACE)
add_library(postern::strict ALIAS postern_strict)
target_compile_options(postern_strict INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
    -Wcast-qual -Wvla -Wformat=2 -Wno-format-nonliteral -fno-common -fstack-protector-strong)
target_compile_definitions(postern_strict INTERFACE _GNU_SOURCE OPENSSL_API_COMPAT=0x30000000L OPENSSL_NO_DEPRECATED
    POSTERN_VERSION="${PROJECT_VERSION}")
if(POSTERN_SANITIZE)
    target_compile_options(postern_strict INTERFACE -fsanitize=${POSTERN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(postern_strict INTERFACE -fsanitize=${POSTERN_SANITIZE})
else()
    target_compile_definitions(postern_strict INTERFACE $<$<CONFIG:Release,RelWithDebInfo>:_FORTIFY_SOURCE=2>)
    target_link_options(postern_strict INTERFACE -Wl,-z,relro,-z,now)
    # A structure of some hundred bytes is cleared and copied by libc: what GCC makes of it here otherwise, rep stos, takes longer to begin than the work does.
    include(CheckCCompilerFlag)
    check_c_compiler_flag("-mmemset-strategy=vector_loop:128:noalign,libcall:-1:noalign" POSTERN_STRING_STRATEGY)
    if(POSTERN_STRING_STRATEGY)
        target_compile_options(postern_strict INTERFACE -mmemset-strategy=vector_loop:128:noalign,libcall:-1:noalign -mmemcpy-strategy=vector_loop:128:noalign,libcall:-1:noalign)
    endif()
endif()
