/* crd_data.c - the CRD's text inside the program. */
#include "base/proto/manifest.h"

__asm__(".section .rodata\n"
        ".global penstock_crd_flinkjob_begin\n"
        "penstock_crd_flinkjob_begin:\n"
        ".incbin \"crds/penstock.dev_flinkjobs.yaml\"\n"
        ".global penstock_crd_flinkjob_end\n"
        "penstock_crd_flinkjob_end:\n"
        ".byte 0\n"
        ".text\n");

extern const char penstock_crd_flinkjob_begin[], penstock_crd_flinkjob_end[];

struct sv crd_flinkjob_text(void) {
    return (struct sv){penstock_crd_flinkjob_begin,
                       (size_t)(penstock_crd_flinkjob_end - penstock_crd_flinkjob_begin)};
}
