#ifndef PW_ATTR_H
#define PW_ATTR_H

#if defined(__GNUC__)
#define PW_MUST              __attribute__((warn_unused_result))
#define PW_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define PW_ALIGNED(bytes)    __attribute__((aligned(bytes)))
#define PW_INLINE            static inline __attribute__((always_inline))
#define PW_NOINLINE          __attribute__((noinline))
#else
#define PW_MUST
#define PW_PRINTF(fmt, args)
#define PW_ALIGNED(bytes)
#define PW_INLINE static inline
#define PW_NOINLINE
#endif

/* Before a loop of few, constant turns whose arrays must live in registers. */
#if defined(__clang__)
#define PW_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define PW_UNROLL _Pragma("GCC unroll 16")
#else
#define PW_UNROLL
#endif

#endif
