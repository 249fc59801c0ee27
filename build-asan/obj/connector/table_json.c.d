build-asan/obj/connector/table_json.c.o: connector/table_json.c \
 base/core/json.h base/core/attr.h base/core/err.h base/core/str.h \
 sql/catalog.h base/core/opt.h base/core/arena.h vector/batch.h \
 vector/column.h vector/buffer.h vector/strv.h vector/type.h
base/core/json.h:
base/core/attr.h:
base/core/err.h:
base/core/str.h:
sql/catalog.h:
base/core/opt.h:
base/core/arena.h:
vector/batch.h:
vector/column.h:
vector/buffer.h:
vector/strv.h:
vector/type.h:
