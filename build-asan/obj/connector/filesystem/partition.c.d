build-asan/obj/connector/filesystem/partition.c.o: \
 connector/filesystem/partition.c connector/filesystem/partition.h \
 sql/catalog.h base/core/opt.h base/core/arena.h base/core/attr.h \
 base/core/err.h vector/batch.h vector/column.h vector/buffer.h \
 vector/strv.h base/core/str.h vector/type.h base/core/json.h \
 vector/func/tz.h vector/text.h vector/value.h
connector/filesystem/partition.h:
sql/catalog.h:
base/core/opt.h:
base/core/arena.h:
base/core/attr.h:
base/core/err.h:
vector/batch.h:
vector/column.h:
vector/buffer.h:
vector/strv.h:
base/core/str.h:
vector/type.h:
base/core/json.h:
vector/func/tz.h:
vector/text.h:
vector/value.h:
