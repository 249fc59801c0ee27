/* crd_data.c - the CRDs' text inside the program. */
#include "base/proto/manifest.h"

#define CRD(name, file)                                                                            \
    __asm__(".section .rodata\n"                                                                   \
            ".global penstock_crd_" #name "_begin\n"                                               \
            "penstock_crd_" #name "_begin:\n"                                                      \
            ".incbin \"" file "\"\n"                                                               \
            ".global penstock_crd_" #name "_end\n"                                                 \
            "penstock_crd_" #name "_end:\n"                                                        \
            ".byte 0\n"                                                                            \
            ".text\n");                                                                            \
    extern const char penstock_crd_##name##_begin[], penstock_crd_##name##_end[];                  \
    struct sv crd_##name##_text(void) {                                                            \
        return (struct sv){penstock_crd_##name##_begin,                                            \
                           (size_t)(penstock_crd_##name##_end - penstock_crd_##name##_begin)};     \
    }

CRD(flinkjob, "crds/penstock.dev_flinkjobs.yaml")
CRD(flinksnapshot, "crds/penstock.dev_flinksnapshots.yaml")
