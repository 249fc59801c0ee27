build-asan/obj/connector/print.c.o: connector/print.c base/core/mem.h \
 base/core/attr.h connector/connector.h sql/catalog.h base/core/opt.h \
 base/core/arena.h base/core/err.h vector/batch.h vector/column.h \
 vector/buffer.h vector/strv.h base/core/str.h vector/type.h \
 base/core/json.h vector/func/func.h vector/expr.h vector/value.h
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
vector/func/func.h:
vector/expr.h:
vector/value.h:
