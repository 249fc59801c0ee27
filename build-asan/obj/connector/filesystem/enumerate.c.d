build-asan/obj/connector/filesystem/enumerate.c.o: \
 connector/filesystem/enumerate.c connector/filesystem/filesystem.h \
 connector/connector.h sql/catalog.h base/core/opt.h base/core/arena.h \
 base/core/attr.h base/core/err.h vector/batch.h vector/column.h \
 vector/buffer.h vector/strv.h base/core/str.h vector/type.h \
 base/core/json.h connector/filesystem/codec.h connector/format/format.h \
 connector/filesystem/local.h
connector/filesystem/filesystem.h:
connector/connector.h:
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
connector/filesystem/codec.h:
connector/format/format.h:
connector/filesystem/local.h:
