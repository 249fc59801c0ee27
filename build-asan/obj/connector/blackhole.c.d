build-asan/obj/connector/blackhole.c.o: connector/blackhole.c \
 base/core/mem.h base/core/attr.h connector/connector.h sql/catalog.h \
 base/core/opt.h base/core/arena.h base/core/err.h vector/batch.h \
 vector/column.h vector/buffer.h vector/strv.h base/core/str.h \
 vector/type.h base/core/json.h
base/core/mem.h:
base/core/attr.h:
connector/connector.h:
sql/catalog.h:
base/core/opt.h:
base/core/arena.h:
base/core/err.h:
vector/batch.h:
vector/column.h:
vector/buffer.h:
vector/strv.h:
base/core/str.h:
vector/type.h:
base/core/json.h:
