build-asan/obj/sql/plan.c.o: sql/plan.c sql/plan.h sql/catalog.h \
 base/core/opt.h base/core/arena.h base/core/attr.h base/core/err.h \
 vector/batch.h vector/column.h vector/buffer.h vector/strv.h \
 base/core/str.h vector/type.h base/core/json.h base/core/map.h \
 base/core/mem.h
sql/plan.h:
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
base/core/map.h:
base/core/mem.h:
