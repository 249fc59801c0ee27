build-asan/obj/sql/plan_print.c.o: sql/plan_print.c base/core/mem.h \
 base/core/attr.h sql/plan.h sql/catalog.h base/core/opt.h \
 base/core/arena.h base/core/err.h vector/batch.h vector/column.h \
 vector/buffer.h vector/strv.h base/core/str.h vector/type.h \
 base/core/json.h
base/core/mem.h:
base/core/attr.h:
sql/plan.h:
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
