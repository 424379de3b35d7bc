/* The code of all shaders, as the Makefile has made it of the .comp files: PW_SPIRV is its folder. */

/* Assembler within C, so that the object has the compiler's marks. */
#define SHADER(name)                                                                               \
    __asm__(".section .rodata\n"                                                                   \
            ".balign 4\n"                                                                          \
            ".global pw_spv_" #name ", pw_spv_" #name "_end\n"                                     \
            ".hidden pw_spv_" #name ", pw_spv_" #name "_end\n"                                     \
            "pw_spv_" #name ": .incbin \"" PW_SPIRV "/" #name ".spv\"\n"                           \
            "pw_spv_" #name "_end:\n"                                                              \
            ".previous\n")
#define FORMAT(f)                                                                                  \
    SHADER(embed_##f);                                                                             \
    SHADER(few_##f);                                                                               \
    SHADER(matmul_##f)
#define KV(f)                                                                                      \
    SHADER(kv_store_##f);                                                                          \
    SHADER(attention_##f)

FORMAT(f32);
FORMAT(f16);
FORMAT(bf16);
FORMAT(q4_0);
FORMAT(q4_1);
FORMAT(q8_0);
FORMAT(q4_k);
FORMAT(q5_k);
FORMAT(q6_k);
KV(f32);
KV(f16);
KV(bf16);
SHADER(norm);
SHADER(rope);
SHADER(glu);
SHADER(add);
