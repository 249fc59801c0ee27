build-asan/obj/sql/plan_json.c.o: sql/plan_json.c base/core/json.h \
 base/core/attr.h base/core/err.h base/core/str.h sql/plan.h \
 sql/catalog.h base/core/opt.h base/core/arena.h vector/batch.h \
 vector/column.h vector/buffer.h vector/strv.h vector/type.h
base/core/json.h:
base/core/attr.h:
base/core/err.h:
base/core/str.h:
sql/plan.h:
sql/catalog.h:
base/core/opt.h:
base/core/arena.h:
vector/batch.h:
vector/column.h:
vector/buffer.h:
vector/strv.h:
vector/type.h:
