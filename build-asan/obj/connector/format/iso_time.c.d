build-asan/obj/connector/format/iso_time.c.o: connector/format/iso_time.c \
 connector/format/iso_time.h vector/func/tz.h base/core/err.h \
 base/core/attr.h
connector/format/iso_time.h:
vector/func/tz.h:
base/core/err.h:
base/core/attr.h:
