/* The code of all shaders, as the Makefile has made it of the .comp files: PW_SPIRV is its folder. */

/* Assembler within C, so that the object has the compiler's marks. */
#define SHADER(name, groups, columns)                                                              \
    __asm__(".section .rodata\n"                                                                   \
            ".balign 4\n"                                                                          \
            ".global pw_spv_" #name ", pw_spv_" #name "_end\n"                                     \
            ".hidden pw_spv_" #name ", pw_spv_" #name "_end\n"                                     \
            "pw_spv_" #name ": .incbin \"" PW_SPIRV "/" #name ".spv\"\n"                           \
            "pw_spv_" #name "_end:\n"                                                              \
            ".previous\n")
#include "kernels/vulkan/shaders.inc"
