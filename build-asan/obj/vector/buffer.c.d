build-asan/obj/vector/buffer.c.o: vector/buffer.c vector/buffer.h \
 base/core/err.h base/core/attr.h base/core/mem.h
vector/buffer.h:
base/core/err.h:
base/core/attr.h:
base/core/mem.h:
