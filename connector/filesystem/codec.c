/* codec.c - zlib and zstd behind one interface. */
#include "connector/filesystem/codec.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>
#include <zstd.h>

enum { PACK_CHUNK_BYTES = 64 << 10, ZLIB_AUTO_WINDOW = 15 + 32, ZLIB_GZIP_WINDOW = 15 + 16 };

static bool ends_with(const char *s, const char *suffix) {
    size_t n = strlen(s), k = strlen(suffix);
    return n >= k && strcasecmp(s + n - k, suffix) == 0;
}

int codec_of_path(const char *path, enum codec *ret, struct err *err) {
    static const char *const foreign[] = {".bz2", ".bzip2",  ".xz", ".lzma", ".lz4",
                                          ".lzo", ".snappy", ".br", ".zip",  ".7z"};
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        if (ends_with(path, foreign[i])) {
            return err_set(err, ERR_UNSUPPORTED,
                           "file %s: compression '%s' is not supported; there are .gz, .deflate "
                           "and .zst",
                           path, foreign[i]);
        }
    }
    *ret = ends_with(path, ".gz") || ends_with(path, ".gzip") || ends_with(path, ".deflate")
               ? CODEC_GZIP
           : ends_with(path, ".zst") || ends_with(path, ".zstd") ? CODEC_ZSTD
                                                                 : CODEC_NONE;
    return 0;
}

const char *codec_suffix(enum codec c) {
    return c == CODEC_GZIP ? ".gz" : c == CODEC_ZSTD ? ".zst" : "";
}

/* ---- unpacking ---- */

struct unpacker {
    enum codec codec;
    z_stream z;
    ZSTD_DStream *zstd;
    bool done;
};

struct unpacker *unpacker_new(enum codec c) {
    struct unpacker *u = mem_zalloc(sizeof *u);
    u->codec = c;
    if (c == CODEC_GZIP) {
        CHECK(inflateInit2(&u->z, ZLIB_AUTO_WINDOW) == Z_OK);
    } else {
        u->zstd = ZSTD_createDStream();
        CHECK(u->zstd);
    }
    return u;
}

void unpacker_free(struct unpacker *u) {
    if (!u) return;
    if (u->codec == CODEC_GZIP) inflateEnd(&u->z);
    ZSTD_freeDStream(u->zstd);
    free(u);
}

static int run_gzip(struct unpacker *u, const void *in, size_t n_in, size_t *ret_used, void *dst,
                    size_t n_dst, size_t *ret_n, struct err *err) {
    if (u->done && n_in) { /* the next member of a file of several */
        inflateReset(&u->z);
        u->done = false;
    }
    u->z.next_in = (Bytef *)in;
    u->z.avail_in = (uInt)n_in;
    u->z.next_out = dst;
    u->z.avail_out = (uInt)n_dst;
    int rc = u->done ? Z_STREAM_END : inflate(&u->z, Z_NO_FLUSH);
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
        return err_set(err, ERR_CORRUPT, "gzip: %s", u->z.msg ? u->z.msg : "damaged data");
    u->done = rc == Z_STREAM_END;
    *ret_used = n_in - u->z.avail_in;
    *ret_n = n_dst - u->z.avail_out;
    return 0;
}

static int run_zstd(struct unpacker *u, const void *in, size_t n_in, size_t *ret_used, void *dst,
                    size_t n_dst, size_t *ret_n, struct err *err) {
    ZSTD_inBuffer i = {in, n_in, 0};
    ZSTD_outBuffer o = {dst, n_dst, 0};
    if (n_in || !u->done) {
        size_t rc = ZSTD_decompressStream(u->zstd, &o, &i);
        if (ZSTD_isError(rc)) return err_set(err, ERR_CORRUPT, "zstd: %s", ZSTD_getErrorName(rc));
        u->done = rc == 0;
    }
    *ret_used = i.pos;
    *ret_n = o.pos;
    return 0;
}

int unpacker_run(struct unpacker *u, const void *in, size_t n_in, size_t *ret_used, void *dst,
                 size_t n_dst, size_t *ret_n, bool *ret_done, struct err *err) {
    int rc = u->codec == CODEC_GZIP ? run_gzip(u, in, n_in, ret_used, dst, n_dst, ret_n, err)
                                    : run_zstd(u, in, n_in, ret_used, dst, n_dst, ret_n, err);
    *ret_done = u->done;
    return rc;
}

/* ---- packing ---- */

struct packer {
    enum codec codec;
    z_stream z;
    ZSTD_CStream *zstd;
};

struct packer *packer_new(enum codec c) {
    if (c == CODEC_NONE) return NULL;
    struct packer *p = mem_zalloc(sizeof *p);
    p->codec = c;
    if (c == CODEC_GZIP) {
        CHECK(deflateInit2(&p->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, ZLIB_GZIP_WINDOW, 8,
                           Z_DEFAULT_STRATEGY) == Z_OK);
    } else {
        p->zstd = ZSTD_createCStream();
        CHECK(p->zstd);
    }
    return p;
}

void packer_free(struct packer *p) {
    if (!p) return;
    if (p->codec == CODEC_GZIP) deflateEnd(&p->z);
    ZSTD_freeCStream(p->zstd);
    free(p);
}

static void pack_gzip(struct packer *p, const void *in, size_t n, bool end, struct str *out) {
    p->z.next_in = (Bytef *)in;
    p->z.avail_in = (uInt)n;
    int rc;
    do {
        str_reserve(out, PACK_CHUNK_BYTES);
        p->z.next_out = (Bytef *)out->ptr + out->len;
        p->z.avail_out = PACK_CHUNK_BYTES;
        rc = deflate(&p->z, end ? Z_FINISH : Z_NO_FLUSH);
        CHECK(rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR);
        out->len += PACK_CHUNK_BYTES - p->z.avail_out;
    } while (end ? rc != Z_STREAM_END : p->z.avail_in > 0);
}

static void pack_zstd(struct packer *p, const void *in, size_t n, bool end, struct str *out) {
    ZSTD_inBuffer i = {in, n, 0};
    size_t left;
    do {
        str_reserve(out, PACK_CHUNK_BYTES);
        ZSTD_outBuffer o = {out->ptr + out->len, PACK_CHUNK_BYTES, 0};
        left = ZSTD_compressStream2(p->zstd, &o, &i, end ? ZSTD_e_end : ZSTD_e_continue);
        CHECK(!ZSTD_isError(left));
        out->len += o.pos;
    } while (end ? left != 0 : i.pos < i.size);
}

void packer_run(struct packer *p, const void *in, size_t n, bool end, struct str *out) {
    if (p->codec == CODEC_GZIP)
        pack_gzip(p, in, n, end, out);
    else
        pack_zstd(p, in, n, end, out);
}
