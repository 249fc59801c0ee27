build-asan/obj/connector/filesystem/codec.c.o: \
 connector/filesystem/codec.c connector/filesystem/codec.h \
 base/core/err.h base/core/attr.h base/core/str.h base/core/mem.h
connector/filesystem/codec.h:
base/core/err.h:
base/core/attr.h:
base/core/str.h:
base/core/mem.h:
