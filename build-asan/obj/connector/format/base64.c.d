build-asan/obj/connector/format/base64.c.o: connector/format/base64.c \
 connector/format/base64.h base/core/str.h base/core/attr.h
connector/format/base64.h:
base/core/str.h:
base/core/attr.h:
