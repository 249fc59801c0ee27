build-asan/obj/connector/format/emit.c.o: connector/format/emit.c \
 connector/format/emit.h vector/batch.h vector/column.h vector/buffer.h \
 vector/strv.h base/core/str.h base/core/attr.h vector/type.h \
 base/core/arena.h base/core/err.h base/core/json.h
connector/format/emit.h:
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
