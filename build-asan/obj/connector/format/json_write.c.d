build-asan/obj/connector/format/json_write.c.o: \
 connector/format/json_write.c connector/format/json_write.h \
 connector/format/json_read.h base/core/arena.h base/core/attr.h \
 connector/format/format.h sql/catalog.h base/core/opt.h base/core/err.h \
 vector/batch.h vector/column.h vector/buffer.h vector/strv.h \
 base/core/str.h vector/type.h base/core/json.h \
 connector/format/simdjson_index.h connector/format/base64.h \
 connector/format/iso_time.h vector/text.h
connector/format/json_write.h:
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
connector/format/base64.h:
connector/format/iso_time.h:
vector/text.h:
