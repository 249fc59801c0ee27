build-asan/obj/connector/filesystem/local.c.o: \
 connector/filesystem/local.c connector/filesystem/local.h \
 base/core/arena.h base/core/attr.h base/core/err.h base/core/str.h \
 base/core/mem.h
connector/filesystem/local.h:
base/core/arena.h:
base/core/attr.h:
base/core/err.h:
base/core/str.h:
base/core/mem.h:
