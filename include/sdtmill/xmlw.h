/* SPDX-License-Identifier: MIT */
#ifndef SDTMILL_XMLW_H
#define SDTMILL_XMLW_H
/* xmlw.h - XML 1.0 text out, UTF-8. Tab, LF and CR are written as character references, so that they
 * survive in attributes. */
#include "sdtmill/sink.h"

enum { SM_XML_GROWTH = 6 };  /* bytes that one byte can become: &quot; */

/* Eight bytes of ASCII without control characters, & < > and ". */
static inline bool sm_xml_word_plain(uint64_t w) {
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
    uint64_t amp_quot = (w | ones * 0x04) ^ ones * '&', less_more = (w | ones * 0x02) ^ ones * '>';
    return !((w | (w - ones * 0x20) | ((amp_quot - ones) & ~amp_quot) | ((less_more - ones) & ~less_more)) & tops);
}
/* How a text stands with XML: as it is, escaped, or not at all (a control character, U+FFFE, U+FFFF
 * or bytes that are no UTF-8). */
enum sm_xml_fit { SM_XML_PLAIN, SM_XML_ESCAPE, SM_XML_IMPOSSIBLE };
enum sm_xml_fit sm_xml_look(struct sm_str s);
/* Offset of the first byte of what cannot stand in XML, SIZE_MAX if there is none. */
size_t sm_xml_impossible(struct sm_str s);
/* Writes s escaped, for attributes in double quotes and for element text, to p, which has room for
 * SM_XML_GROWTH x s.n bytes; the end of what was written. What XML cannot hold becomes U+FFFD. */
char *sm_xml_put(char *p, struct sm_str s);
/* Escaped text; ` name="value"`. */
void sm_xmlw_text(struct sm_sink *k, struct sm_str s);
void sm_xmlw_attr(struct sm_sink *k, const char *name, struct sm_str value);
#endif
