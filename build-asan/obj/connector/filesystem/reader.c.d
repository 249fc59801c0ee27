build-asan/obj/connector/filesystem/reader.c.o: \
 connector/filesystem/reader.c connector/filesystem/reader.h \
 connector/filesystem/codec.h base/core/err.h base/core/attr.h \
 base/core/str.h vector/buffer.h connector/filesystem/local.h \
 base/core/arena.h
connector/filesystem/reader.h:
connector/filesystem/codec.h:
base/core/err.h:
base/core/attr.h:
base/core/str.h:
vector/buffer.h:
connector/filesystem/local.h:
base/core/arena.h:
