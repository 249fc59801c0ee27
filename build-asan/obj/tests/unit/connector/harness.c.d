build-asan/obj/tests/unit/connector/harness.c.o: \
 tests/unit/connector/harness.c tests/unit/connector/harness.h \
 connector/connector.h sql/catalog.h base/core/opt.h base/core/arena.h \
 base/core/attr.h base/core/err.h vector/batch.h vector/column.h \
 vector/buffer.h vector/strv.h base/core/str.h vector/type.h \
 base/core/json.h connector/format/format.h vector/func/func.h \
 vector/expr.h vector/value.h vector/func/tz.h
tests/unit/connector/harness.h:
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
connector/format/format.h:
vector/func/func.h:
vector/expr.h:
vector/value.h:
vector/func/tz.h:
