/* SPDX-License-Identifier: MIT */
/* load_define.c - what a define.xml (2.0, 2.1) says of datasets and variables: enough to read files
 * that hold data only. Definitions may stand in any order, so items are tied to groups at the end. */
#include <libxml/xmlreader.h>
#include <sys/stat.h>

#include "load_priv.h"
#include "sdtmill/hash.h"

struct ref { struct sm_str oid; uint32_t key; };
struct load_define {
    struct load_group *group;
    size_t ngroup, cap_group;
    struct load_item *item;
    size_t nitem, cap_item;
    struct ref *ref;               /* of all groups, in order */
    size_t nref, cap_ref;
    size_t *first;                 /* [ngroup + 1] */
    size_t cap_first;
};
struct reading {
    struct sm_loader *l;
    struct load_xml *x;
    struct load_define *d;
    struct sm_buf text;
    enum { IN_NOTHING, IN_GROUP, IN_ITEM } in;
    bool description;
};

static int attr(struct reading *r, const char *name, struct sm_str *ret, struct sm_err *err) {
    struct sm_str s = load_xml_attr(r->x, name, &r->text);
    *ret = (struct sm_str){"", 0};
    if (s.n == 0) return SM_OK;
    *ret = sm_arena_dup(&r->l->arena, s);
    return ret->p ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

static uint32_t attr_number(struct reading *r, const char *name) {
    uint64_t n = 0;
    struct sm_str s = load_xml_attr(r->x, name, &r->text);
    return s.n && sm_str_to_u64(s, &n) && n <= UINT32_MAX ? (uint32_t)n : 0;
}

static int group_begin(struct reading *r, struct sm_err *err) {
    struct load_define *d = r->d;
    int rc = sm_grow(&d->group, &d->cap_group, d->ngroup + 1, sizeof *d->group, err);
    if (!rc) rc = sm_grow(&d->first, &d->cap_first, d->ngroup + 2, sizeof *d->first, err);
    if (rc) return rc;
    struct load_group *g = &d->group[d->ngroup];
    *g = (struct load_group){.nitem = 0};
    d->first[d->ngroup++] = d->nref;
    d->first[d->ngroup] = d->nref;
    rc = attr(r, "OID", &g->oid, err);
    if (!rc) rc = attr(r, "Name", &g->name, err);
    g->label = (struct sm_str){"", 0};
    g->reference = sm_str_eq_c(load_xml_attr(r->x, "IsReferenceData", &r->text), "Yes");
    r->in = IN_GROUP;
    return rc;
}

static int item_begin(struct reading *r, struct sm_err *err) {
    struct load_define *d = r->d;
    int rc = sm_grow(&d->item, &d->cap_item, d->nitem + 1, sizeof *d->item, err);
    if (rc) return rc;
    struct load_item *it = &d->item[d->nitem++];
    *it = (struct load_item){.label = {"", 0}};
    rc = attr(r, "OID", &it->oid, err);
    if (!rc) rc = attr(r, "Name", &it->name, err);
    if (!rc) rc = attr(r, "DataType", &it->type, err);
    it->length = attr_number(r, "Length");
    r->in = IN_ITEM;
    return rc;
}

static int ref_take(struct reading *r, struct sm_err *err) {
    struct load_define *d = r->d;
    int rc = sm_grow(&d->ref, &d->cap_ref, d->nref + 1, sizeof *d->ref, err);
    if (rc) return rc;
    d->ref[d->nref] = (struct ref){.key = attr_number(r, "KeySequence")};
    rc = attr(r, "ItemOID", &d->ref[d->nref].oid, err);
    d->first[d->ngroup] = ++d->nref;
    return rc;
}

/* The label is the text of Description/TranslatedText directly below the definition. */
static int label_take(struct reading *r, struct sm_err *err) {
    struct sm_str s = sm_str_trim(sm_str((const char *)xmlTextReaderConstValue(load_xml_reader(r->x))));
    if (s.n == 0) return SM_OK;
    struct sm_str *to = r->in == IN_GROUP ? &r->d->group[r->d->ngroup - 1].label : &r->d->item[r->d->nitem - 1].label;
    if (to->n) return SM_OK;
    *to = sm_arena_dup(&r->l->arena, s);
    return to->p ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

static int node_take(struct reading *r, struct sm_err *err) {
    xmlTextReaderPtr x = load_xml_reader(r->x);
    int type = xmlTextReaderNodeType(x), depth = xmlTextReaderDepth(x);
    bool closed = type == XML_READER_TYPE_END_ELEMENT || (type == XML_READER_TYPE_ELEMENT && xmlTextReaderIsEmptyElement(x) == 1);
    int rc = SM_OK;
    if (load_xml_is(r->x, "ItemGroupDef")) rc = group_begin(r, err);
    else if (load_xml_is(r->x, "ItemDef")) rc = item_begin(r, err);
    else if (r->in == IN_GROUP && depth == 4 && load_xml_is(r->x, "ItemRef")) rc = ref_take(r, err);
    else if (r->in != IN_NOTHING && depth == 4 && type != XML_READER_TYPE_TEXT) r->description = load_xml_is(r->x, "Description");
    else if (r->in != IN_NOTHING && depth == 6 && r->description && type == XML_READER_TYPE_TEXT) rc = label_take(r, err);
    if (!rc && closed && depth == 3) r->in = IN_NOTHING;
    return rc;
}

/* Items by OID: slots of number + 1, open addressing. */
static uint32_t *index_make(const struct load_define *d, size_t *ret_mask) {
    size_t n = 16;
    while (n < d->nitem * 2) n *= 2;
    uint32_t *slot = sm_alloc(n, sizeof *slot);
    *ret_mask = n - 1;
    for (size_t i = 0; slot && i < d->nitem; i++) {
        size_t at = sm_hash(d->item[i].oid.p, d->item[i].oid.n) & (n - 1);
        while (slot[at] && !sm_str_eq(d->item[slot[at] - 1].oid, d->item[i].oid)) at = (at + 1) & (n - 1);
        if (!slot[at]) slot[at] = (uint32_t)(i + 1);
    }
    return slot;
}

static const struct load_item *index_find(const struct load_define *d, const uint32_t *slot, size_t mask, struct sm_str oid) {
    for (size_t at = sm_hash(oid.p, oid.n) & mask; slot[at]; at = (at + 1) & mask)
        if (sm_str_eq(d->item[slot[at] - 1].oid, oid)) return &d->item[slot[at] - 1];
    return NULL;
}

/* Items of every group, in the order of its references. */
static int groups_fill(struct reading *r, struct sm_err *err) {
    struct load_define *d = r->d;
    size_t mask;
    uint32_t *slot = index_make(d, &mask);
    struct load_item *item = sm_arena_array(&r->l->arena, d->nref + 1, sizeof *item);
    for (size_t g = 0; slot && item && g < d->ngroup; g++) {
        d->group[g].item = item;
        for (size_t i = d->first[g]; i < d->first[g + 1]; i++) {
            const struct load_item *it = index_find(d, slot, mask, d->ref[i].oid);
            if (!it || it->name.n == 0) continue;
            *item = *it;
            item++->key = d->ref[i].key;
        }
        d->group[g].nitem = (uint32_t)(item - d->group[g].item);
    }
    bool good = slot && item;
    sm_free(slot);
    return good ? SM_OK : sm_fail(err, SM_ENOMEM, "out of memory");
}

static int define_read(struct sm_loader *l, const char *path, struct load_define *d, struct sm_err *err) {
    struct reading r = {.l = l, .d = d};
    sm_buf_init(&r.text, LOAD_MAX_TEXT);
    int rc = load_xml_open(l, path, &r.x, err);
    while (!rc && !(rc = load_xml_step(r.x, err))) rc = node_take(&r, err);
    load_xml_close(r.x);
    sm_buf_free(&r.text);
    return rc == SM_EOF ? groups_fill(&r, err) : rc;
}

static bool is_file(const char *path) {
    struct stat st;
    return path && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static const char *define_find(struct sm_loader *l) {
    if (l->opts.define || l->in_memory) return l->opts.define;
    const char *slash = strrchr(l->path, '/');
    int n = slash ? (int)(slash - l->path) + 1 : 0;
    const char *beside = sm_arena_printf(&l->arena, "%.*sdefine.xml", n, l->path).p;
    if (is_file(beside)) return beside;
    const char *above = sm_arena_printf(&l->arena, "%.*s../define.xml", n, l->path).p;
    return is_file(above) ? above : NULL;
}

int load_define_open(struct sm_loader *l, const struct load_define **ret, struct sm_err *err) {
    const char *path = define_find(l);
    *ret = NULL;
    if (!path) return SM_OK;
    struct load_define work = {.group = NULL}, *d = sm_arena_alloc(&l->arena, sizeof *d);
    if (!d) return sm_fail(err, SM_ENOMEM, "out of memory");
    int rc = define_read(l, path, &work, err);
    if (!rc && work.ngroup) {
        d->group = sm_arena_array(&l->arena, work.ngroup, sizeof *d->group);
        if (!d->group) rc = sm_fail(err, SM_ENOMEM, "out of memory");
        else memcpy(d->group, work.group, work.ngroup * sizeof *d->group);
        d->ngroup = work.ngroup;
        *ret = d;
    }
    sm_free(work.group);
    sm_free(work.item);
    sm_free(work.ref);
    sm_free(work.first);
    return rc;
}

const struct load_group *load_define_group(const struct load_define *d, struct sm_str oid, struct sm_str name) {
    for (size_t i = 0; i < d->ngroup; i++)
        if (oid.n ? sm_str_eq(d->group[i].oid, oid) : sm_str_eq_nocase(d->group[i].name, name)) return &d->group[i];
    return NULL;
}
