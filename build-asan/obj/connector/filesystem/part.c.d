build-asan/obj/connector/filesystem/part.c.o: connector/filesystem/part.c \
 connector/filesystem/part.h connector/filesystem/codec.h base/core/err.h \
 base/core/attr.h base/core/str.h base/core/clock.h base/core/mem.h \
 base/core/thread.h connector/filesystem/local.h base/core/arena.h
connector/filesystem/part.h:
connector/filesystem/codec.h:
base/core/err.h:
base/core/attr.h:
base/core/str.h:
base/core/clock.h:
base/core/mem.h:
base/core/thread.h:
connector/filesystem/local.h:
base/core/arena.h:
