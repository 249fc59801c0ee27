/* attr.h - compiler attributes used across the tree, for gcc and clang. */
#ifndef PENSTOCK_BASE_CORE_ATTR_H
#define PENSTOCK_BASE_CORE_ATTR_H

#define ATTR_CLEANUP(f) __attribute__((cleanup(f)))
#define ATTR_MUST_USE __attribute__((warn_unused_result))
#define ATTR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define ATTR_UNUSED __attribute__((unused))
#define ATTR_NORETURN __attribute__((noreturn))
#define ATTR_COLD __attribute__((cold, noinline))
#define ATTR_HOT __attribute__((hot))

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Hot vector kernels are compiled once for the baseline and once for AVX2 (x86-64-v3) and
 * AVX-512 (x86-64-v4); the loader picks at start (ifunc). Off under sanitizers, whose runtime
 * isn't ready when the resolver runs, and on other machines. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(PENSTOCK_SANITIZE)
#define ATTR_KERNEL __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define ATTR_KERNEL
#endif

#endif
