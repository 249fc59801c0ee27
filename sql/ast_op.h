/* ast_op.h - operators. */
#ifndef PENSTOCK_SQL_AST_OP_H
#define PENSTOCK_SQL_AST_OP_H

/* X(NAME, text, what it is). Prefix and postfix operators are in ast_unary, infix in ast_binary. */
#define AST_OP_LIST(X)                                                                             \
    X(NOT, "NOT", PREFIX)                                                                          \
    X(NEG, "-", PREFIX)                                                                            \
    X(POS, "+", PREFIX)                                                                            \
    X(RUNNING, "RUNNING", PREFIX) /* of MATCH_RECOGNIZE */                                         \
    X(FINAL, "FINAL", PREFIX)                                                                      \
    X(IS_NULL, "IS NULL", POSTFIX)                                                                 \
    X(IS_NOT_NULL, "IS NOT NULL", POSTFIX)                                                         \
    X(IS_TRUE, "IS TRUE", POSTFIX)                                                                 \
    X(IS_NOT_TRUE, "IS NOT TRUE", POSTFIX)                                                         \
    X(IS_FALSE, "IS FALSE", POSTFIX)                                                               \
    X(IS_NOT_FALSE, "IS NOT FALSE", POSTFIX)                                                       \
    X(IS_UNKNOWN, "IS UNKNOWN", POSTFIX)                                                           \
    X(IS_NOT_UNKNOWN, "IS NOT UNKNOWN", POSTFIX)                                                   \
    X(IS_A_SET, "IS A SET", POSTFIX)                                                               \
    X(IS_NOT_A_SET, "IS NOT A SET", POSTFIX)                                                       \
    X(IS_EMPTY, "IS EMPTY", POSTFIX)                                                               \
    X(IS_NOT_EMPTY, "IS NOT EMPTY", POSTFIX)                                                       \
    X(IS_JSON_VALUE, "IS JSON VALUE", POSTFIX) /* IS JSON is the same */                           \
    X(IS_NOT_JSON_VALUE, "IS NOT JSON VALUE", POSTFIX)                                             \
    X(IS_JSON_OBJECT, "IS JSON OBJECT", POSTFIX)                                                   \
    X(IS_NOT_JSON_OBJECT, "IS NOT JSON OBJECT", POSTFIX)                                           \
    X(IS_JSON_ARRAY, "IS JSON ARRAY", POSTFIX)                                                     \
    X(IS_NOT_JSON_ARRAY, "IS NOT JSON ARRAY", POSTFIX)                                             \
    X(IS_JSON_SCALAR, "IS JSON SCALAR", POSTFIX)                                                   \
    X(IS_NOT_JSON_SCALAR, "IS NOT JSON SCALAR", POSTFIX)                                           \
    X(FORMAT_JSON, "FORMAT JSON", POSTFIX)                                                         \
    X(OR, "OR", INFIX)                                                                             \
    X(AND, "AND", INFIX)                                                                           \
    X(EQ, "=", INFIX)                                                                              \
    X(NE, "<>", INFIX) /* != too */                                                                \
    X(LT, "<", INFIX)                                                                              \
    X(LE, "<=", INFIX)                                                                             \
    X(GT, ">", INFIX)                                                                              \
    X(GE, ">=", INFIX)                                                                             \
    X(IS_DISTINCT_FROM, "IS DISTINCT FROM", INFIX)                                                 \
    X(IS_NOT_DISTINCT_FROM, "IS NOT DISTINCT FROM", INFIX)                                         \
    X(PLUS, "+", INFIX)                                                                            \
    X(MINUS, "-", INFIX)                                                                           \
    X(MUL, "*", INFIX)                                                                             \
    X(DIV, "/", INFIX)                                                                             \
    X(MOD, "%", INFIX)                                                                             \
    X(CONCAT, "||", INFIX)                                                                         \
    X(OVERLAPS, "OVERLAPS", INFIX)                                                                 \
    X(CONTAINS, "CONTAINS", INFIX)                                                                 \
    X(PRECEDES, "PRECEDES", INFIX)                                                                 \
    X(SUCCEEDS, "SUCCEEDS", INFIX)                                                                 \
    X(IMMEDIATELY_PRECEDES, "IMMEDIATELY PRECEDES", INFIX)                                         \
    X(IMMEDIATELY_SUCCEEDS, "IMMEDIATELY SUCCEEDS", INFIX)                                         \
    X(PERIOD_EQUALS, "EQUALS", INFIX)                                                              \
    X(MEMBER_OF, "MEMBER OF", INFIX)                                                               \
    X(SUBMULTISET_OF, "SUBMULTISET OF", INFIX)                                                     \
    X(NOT_SUBMULTISET_OF, "NOT SUBMULTISET OF", INFIX)                                             \
    X(MULTISET_UNION_ALL, "MULTISET UNION ALL", INFIX)                                             \
    X(MULTISET_UNION, "MULTISET UNION DISTINCT", INFIX)                                            \
    X(MULTISET_INTERSECT_ALL, "MULTISET INTERSECT ALL", INFIX)                                     \
    X(MULTISET_INTERSECT, "MULTISET INTERSECT DISTINCT", INFIX)                                    \
    X(MULTISET_EXCEPT_ALL, "MULTISET EXCEPT ALL", INFIX)                                           \
    X(MULTISET_EXCEPT, "MULTISET EXCEPT DISTINCT", INFIX)

enum ast_op {
#define X(name, text, place) AST_OP_##name,
    AST_OP_LIST(X)
#undef X
        AST_OP_COUNT
};
const char *ast_op_text(enum ast_op op);

#endif
