/* xml.h - private to fs/: just enough XML for S3's answers: elements in document order, each with
 * its path's last two names and its text. Attributes, comments and processing instructions are
 * passed over. Never reads beyond the text, whatever it is. */
#ifndef PENSTOCK_FS_XML_H
#define PENSTOCK_FS_XML_H

#include "base/core/str.h"

#include <stdbool.h>

enum { XML_DEPTH_MAX = 16 };

struct xml {
    const char *p, *end;
    struct sv path[XML_DEPTH_MAX]; /* open elements, outermost first */
    int depth;
    struct sv text; /* of the element that ended, raw: the bytes in front of its end tag */
    const char *text_from;
};

enum xml_event { XML_BEGIN, XML_END, XML_DONE };

void xml_begin(struct xml *x, struct sv text);
/* XML_BEGIN: path[depth - 1] was opened. XML_END: the element `*name` was closed, whose text is
 * x->text; path[depth - 1] is its parent. XML_DONE: the end, or no XML any more. */
enum xml_event xml_next(struct xml *x, struct sv *ret_name);
/* Appends text with entities resolved. */
void xml_unescape(struct sv text, struct str *out);
void xml_escape(struct sv text, struct str *out);
/* Appends the text of the first element of that name; false if there is none. */
bool xml_find(struct sv text, const char *name, struct str *out);

#endif
