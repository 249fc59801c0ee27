build-asan/obj/vector/batch.c.o: vector/batch.c vector/batch.h \
 vector/column.h vector/buffer.h vector/strv.h base/core/str.h \
 base/core/attr.h vector/type.h base/core/arena.h base/core/err.h \
 base/core/json.h base/core/mem.h
vector/batch.h:
vector/column.h:
vector/buffer.h:
vector/strv.h:
base/core/str.h:
base/core/attr.h:
vector/type.h:
base/core/arena.h:
base/core/err.h:
base/core/json.h:
base/core/mem.h:
