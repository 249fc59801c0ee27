build-asan/obj/connector/format/simdjson_index.cc.o: \
 connector/format/simdjson_index.cc connector/format/simdjson_index.h
connector/format/simdjson_index.h:
