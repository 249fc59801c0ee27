/* program_int.h - what a compiled program consists of; private to program*.c.
 *
 * A program is a tree of blocks. A block is a list of instructions over values; it runs over some
 * number of rows. Values are numbered through the whole program and written once: inputs and
 * literals, temporaries (made by one instruction of one block), and imports (a value of the
 * enclosing block, gathered to the rows that a sub-block runs over). Conditional instructions own
 * sub-blocks for arguments that may fail or cost much; they run them over the rows that need the
 * argument. */
#ifndef PENSTOCK_VECTOR_PROGRAM_INT_H
#define PENSTOCK_VECTOR_PROGRAM_INT_H

#include "vector/func/logic.h"
#include "vector/program.h"

enum pvalue_kind { PVALUE_INPUT, PVALUE_CONST, PVALUE_TEMP, PVALUE_IMPORT };

struct pvalue {
    enum pvalue_kind kind;
    const struct type *type;
    uint32_t block;           /* TEMP, IMPORT */
    int32_t input;            /* INPUT: column */
    uint32_t src;             /* IMPORT: value of the enclosing block */
    const struct column *lit; /* CONST */
    struct column wide;       /* CONST: the literal repeated, for kernels without FUNC_CONST_ARGS */
};

struct instr {
    const struct expr *call;
    kernel_fn kernel; /* NULL: conditional, see program_lazy.c */
    void *state;
    uint32_t dst;
    int32_t n_args;
    uint32_t *args;             /* values; of a conditional's lazy argument: unused */
    int32_t *arg_blocks;        /* conditional: block of a lazy argument or -1; else NULL */
    const struct column **argv; /* room for the kernel's arguments */
    struct column *views;
    uint32_t n_release, cap_release;
    uint32_t *release; /* temporaries of this block last used here */
};

struct block {
    uint32_t n_instrs, cap_instrs;
    struct instr *instrs;
    uint32_t result;
    uint32_t n_imports, cap_imports;
    uint32_t *imports; /* PVALUE_IMPORT values */
    uint32_t n_temps, cap_temps;
    uint32_t *temps; /* TEMP and IMPORT values, to be dropped after the block's result is used */
};

struct program {
    struct arena arena; /* folded expressions, literals */
    const struct eval_env *env;
    uint32_t n_values, cap_values;
    struct pvalue *values;
    uint32_t n_blocks, cap_blocks;
    struct block *blocks; /* [0] is the main one */
    int32_t n_outputs;
    uint32_t *outputs;             /* values of the main block */
    const struct type **out_types; /* as the caller's expressions declare them */
    int32_t n_inputs;              /* highest input column + 1 */
    /* While running: the column of each value over its block's current rows. */
    const struct column **cur;
    struct column *own; /* TEMP, IMPORT */
    uint32_t err_row;
};

/* Runs a block's instructions over n rows; its imports are in place. On failure err_row is set, and
 * the caller drops the temporaries. */
int block_run(struct program *p, const struct block *b, uint32_t n, struct err *err) ATTR_MUST_USE;
void block_drop(struct program *p, const struct block *b);
int instr_run_lazy(struct program *p, struct instr *in, uint32_t n, struct err *err) ATTR_MUST_USE;
/* rows[0..m) of 0..n-1: sets up b's imports and runs it. rows NULL = all. */
int block_run_rows(struct program *p, const struct block *b, const uint32_t *rows, uint32_t m,
                   struct err *err) ATTR_MUST_USE;

#endif
