build-asan/obj/connector/format/json_read.c.o: \
 connector/format/json_read.c connector/format/json_read.h \
 base/core/arena.h base/core/attr.h connector/format/format.h \
 sql/catalog.h base/core/opt.h base/core/err.h vector/batch.h \
 vector/column.h vector/buffer.h vector/strv.h base/core/str.h \
 vector/type.h base/core/json.h connector/format/simdjson_index.h \
 base/core/mem.h connector/format/emit.h connector/format/json_scalar.h \
 vector/text.h
connector/format/json_read.h:
base/core/arena.h:
base/core/attr.h:
connector/format/format.h:
sql/catalog.h:
base/core/opt.h:
base/core/err.h:
vector/batch.h:
vector/column.h:
vector/buffer.h:
vector/strv.h:
base/core/str.h:
vector/type.h:
base/core/json.h:
connector/format/simdjson_index.h:
base/core/mem.h:
connector/format/emit.h:
connector/format/json_scalar.h:
vector/text.h:
