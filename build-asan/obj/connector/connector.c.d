build-asan/obj/connector/connector.c.o: connector/connector.c \
 connector/connector.h sql/catalog.h base/core/opt.h base/core/arena.h \
 base/core/attr.h base/core/err.h vector/batch.h vector/column.h \
 vector/buffer.h vector/strv.h base/core/str.h vector/type.h \
 base/core/json.h base/core/mem.h connector/format/format.h \
 connector/option.h connector/connector_list.def
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
base/core/mem.h:
connector/format/format.h:
connector/option.h:
connector/connector_list.def:
