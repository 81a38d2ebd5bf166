/* SPDX-License-Identifier: MIT */
/* define_write.c - the model as XML, in the order that the schema wants. */
#include "define_priv.h"
#include "sdtmill/xmlw.h"

static void put(const struct define *f, const char *s) {
    sm_sink_write(f->sink, s, strlen(s));
}
static void attr(const struct define *f, const char *name, struct sm_str value) {
    sm_xmlw_attr(f->sink, name, value);
}
static void attr_c(const struct define *f, const char *name, const char *value) {
    sm_xmlw_attr(f->sink, name, sm_str(value));
}

static void attr_if(const struct define *f, const char *name, struct sm_str value) {
    if (value.n) attr(f, name, value);
}

static void attr_n(const struct define *f, const char *name, uint64_t n) {
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, n);
    attr_c(f, name, text);
}

/* <tag>text</tag> on a line of its own. */
static void element(const struct define *f, const char *indent, const char *tag,
                    struct sm_str text) {
    put(f, indent);
    put(f, "<");
    put(f, tag);
    put(f, ">");
    sm_xmlw_text(f->sink, text);
    put(f, "</");
    put(f, tag);
    put(f, ">\n");
}

/* Text of the element that holds it: Description, Decode. */
static void translated(const struct define *f, const char *indent, const char *tag,
                       struct sm_str text) {
    put(f, indent);
    put(f, "<");
    put(f, tag);
    put(f, "><TranslatedText xml:lang=\"en\">");
    sm_xmlw_text(f->sink, text);
    put(f, "</TranslatedText></");
    put(f, tag);
    put(f, ">\n");
}

static void alias(const struct define *f, const char *indent, const char *context,
                  struct sm_str name) {
    put(f, indent);
    put(f, "<Alias");
    attr_c(f, "Context", context);
    attr(f, "Name", name);
    put(f, "/>\n");
}

/* ---- head
 * ----------------------------------------------------------------------------------------- */
static void write_head(const struct define *f) {
    const struct sm_emit_study *s = f->study;
    put(f, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<?xml-stylesheet type=\"text/xsl\" "
           "href=\"define2-1.xsl\"?>\n"
           "<ODM xmlns=\"http://www.cdisc.org/ns/odm/v1.3\"\n     "
           "xmlns:def=\"http://www.cdisc.org/ns/def/v2.1\"\n"
           "     xmlns:xlink=\"http://www.w3.org/1999/xlink\"\n     ODMVersion=\"1.3.2\" "
           "FileType=\"Snapshot\"");
    attr(f, "FileOID", s->file_oid);
    attr(f, "CreationDateTime", s->created);
    attr_if(f, "Originator", s->originator);
    attr_c(f, "SourceSystem", "sdtmill");
    attr(f, "SourceSystemVersion", emit_version());
    put(f, " def:Context=\"Other\">\n  <Study");
    attr(f, "OID", s->oid);
    put(f, ">\n    <GlobalVariables>\n");
    element(f, "      ", "StudyName", s->name.n ? s->name : s->oid);
    element(f, "      ", "StudyDescription", s->description.n ? s->description : s->name);
    element(f, "      ", "ProtocolName",
            s->protocol.n ? s->protocol
            : s->name.n   ? s->name
                          : s->oid);
    put(f, "    </GlobalVariables>\n    <MetaDataVersion");
    attr(f, "OID", s->metadata_oid);
    put(f, " Name=\"");
    sm_xmlw_text(f->sink, s->name.n ? s->name : s->oid);
    put(f, " data definitions\" def:DefineVersion=\"2.1.0\">\n");
}

static void write_standards(const struct define *f) {
    const struct sm_emit_study *s = f->study;
    if (!f->has_ig && !f->uses_ct) return;
    put(f, "      <def:Standards>\n");
    if (f->has_ig) {
        put(f, "        <def:Standard OID=\"" DEF_IG "\"");
        attr(f, "Name", s->standard_name);
        attr_c(f, "Type", "IG");
        attr(f, "Version", s->standard_version);
        put(f, " Status=\"Final\"/>\n");
    }
    if (f->uses_ct) {
        put(f, "        <def:Standard OID=\"" DEF_CT
               "\" Name=\"CDISC/NCI\" Type=\"CT\" PublishingSet=\"SDTM\"");
        attr(f, "Version", f->ct_version.n ? f->ct_version : SM_STR("not stated"));
        put(f, " Status=\"Final\"");
        attr_if(f, "def:CommentOID", f->ct_comment);
        put(f, "/>\n");
    }
    put(f, "      </def:Standards>\n");
}

/* ---- references
 * ------------------------------------------------------------------------------------ */
static void write_ref(const struct define *f, const struct def_item *i, uint32_t order,
                      bool in_list) {
    put(f, "        <ItemRef");
    attr(f, "ItemOID", i->oid);
    attr_n(f, "OrderNumber", order);
    attr_c(f, "Mandatory", i->mandatory ? "Yes" : "No");
    if (i->key && !in_list) attr_n(f, "KeySequence", i->key);
    attr_if(f, "MethodOID", i->method);
    attr_if(f, "Role", i->role);
    if (i->nonstandard) attr_c(f, "def:IsNonStandard", "Yes");
    if (i->no_data) attr_c(f, "def:HasNoData", "Yes");
    if (!in_list) {
        put(f, "/>\n");
        return;
    }
    put(f, ">\n          <def:WhereClauseRef");
    attr(f, "WhereClauseOID", i->clause);
    put(f, "/>\n        </ItemRef>\n");
}

static void write_values(const struct define *f) {
    for (size_t v = 0; v < f->values.n; v++) {
        put(f, "      <def:ValueListDef");
        attr(f, "OID", f->values.p[v].oid);
        put(f, ">\n");
        for (uint32_t i = 0; i < f->values.p[v].nitem; i++)
            write_ref(f, &f->values.p[v].item[i], i + 1, true);
        put(f, "      </def:ValueListDef>\n");
    }
    for (size_t c = 0; c < f->clause.n; c++) {
        put(f, "      <def:WhereClauseDef");
        attr(f, "OID", f->clause.p[c].oid);
        put(f, ">\n        <RangeCheck Comparator=\"EQ\" SoftHard=\"Soft\"");
        attr(f, "def:ItemOID", f->clause.p[c].item);
        put(f, "><CheckValue>");
        sm_xmlw_text(f->sink, f->clause.p[c].value);
        put(f, "</CheckValue></RangeCheck>\n      </def:WhereClauseDef>\n");
    }
}

/* ---- datasets
 * --------------------------------------------------------------------------------------- */
static void write_group(const struct define *f, const struct def_group *g) {
    const struct sm_dsinfo *d = g->d;
    put(f, "      <ItemGroupDef");
    attr(f, "OID", g->oid);
    attr(f, "Name", d->name);
    attr(f, "Domain", d->domain.n ? d->domain : d->name);
    if (d->name.n <= 8) attr(f, "SASDatasetName", d->name);
    attr_c(f, "Repeating", d->repeating && !d->reference ? "Yes" : "No");
    attr_c(f, "IsReferenceData", d->reference ? "Yes" : "No");
    attr_c(f, "Purpose", "Tabulation");
    attr(f, "def:Structure",
         d->structure.n ? d->structure : SM_STR("One record per event, finding or intervention"));
    if (g->standard)
        attr_c(f, "def:StandardOID", DEF_IG);
    else
        attr_c(f, "def:IsNonStandard", "Yes");
    attr_if(f, "def:ArchiveLocationID", g->leaf);
    if (g->no_data) attr_c(f, "def:HasNoData", "Yes");
    attr_if(f, "def:CommentOID", g->comment);
    put(f, ">\n");
    translated(f, "        ", "Description", d->label.n ? d->label : d->name);
    for (uint32_t i = 0; i < d->nvar; i++)
        write_ref(f, &g->item[i], i + 1, false);
    if (g->parent_label.n) alias(f, "        ", "DomainDescription", g->parent_label);
    if (g->cls.n) {
        put(f, "        <def:Class");
        attr(f, "Name", g->cls);
        put(f, "/>\n");
    }
    if (g->leaf.n) {
        put(f, "        <def:leaf");
        attr(f, "ID", g->leaf);
        attr(f, "xlink:href", g->href);
        put(f, ">\n");
        element(f, "          ", "def:title", g->title);
        put(f, "        </def:leaf>\n");
    }
    put(f, "      </ItemGroupDef>\n");
}

/* ---- items
 * ------------------------------------------------------------------------------------------ */
static void write_origins(const struct define *f, const struct def_item *i) {
    static const char *const name[] = {[SM_ORIGIN_COLLECTED] = "Collected",
                                       [SM_ORIGIN_DERIVED] = "Derived",
                                       [SM_ORIGIN_ASSIGNED] = "Assigned",
                                       [SM_ORIGIN_PROTOCOL] = "Protocol",
                                       [SM_ORIGIN_PREDECESSOR] = "Predecessor",
                                       [SM_ORIGIN_NOT_AVAILABLE] = "Not Available",
                                       [SM_ORIGIN_OTHER] = "Other"};
    for (unsigned o = SM_ORIGIN_COLLECTED; o <= SM_ORIGIN_OTHER; o++) {
        if (!(i->origins & 1u << o)) continue;
        put(f, "        <def:Origin");
        attr_c(f, "Type", name[o]);
        if (o == SM_ORIGIN_PREDECESSOR) {
            put(f, ">\n");
            translated(f, "          ", "Description", i->predecessor);
            put(f, "        </def:Origin>\n");
            continue;
        }
        attr_c(f, "Source", o == SM_ORIGIN_COLLECTED ? i->source : "Sponsor");
        put(f, "/>\n");
    }
}

static void write_item(const struct define *f, const struct def_item *i) {
    char format[32];
    put(f, "      <ItemDef");
    attr(f, "OID", i->oid);
    attr(f, "Name", i->name);
    attr_if(f, "SASFieldName", i->field);
    attr_c(f, "DataType", i->type);
    if (i->length) attr_n(f, "Length", i->length);
    if (i->digits != DEF_NO_DIGITS) {
        attr_n(f, "SignificantDigits", (uint64_t)i->digits);
        (void)snprintf(format, sizeof format, "%u.%d", i->length + 1, i->digits);
        attr_c(f, "def:DisplayFormat", format);
    }
    attr_if(f, "def:CommentOID", i->comment);
    put(f, ">\n");
    translated(f, "        ", "Description", i->label);
    if (i->list.n) {
        put(f, "        <CodeListRef");
        attr(f, "CodeListOID", i->list);
        put(f, "/>\n");
    }
    write_origins(f, i);
    if (i->values.n) {
        put(f, "        <def:ValueListRef");
        attr(f, "ValueListOID", i->values);
        put(f, "/>\n");
    }
    put(f, "      </ItemDef>\n");
}

static void write_items(const struct define *f) {
    for (size_t g = 0; g < f->group.n; g++)
        for (uint32_t i = 0; i < f->group.p[g].d->nvar; i++)
            write_item(f, &f->group.p[g].item[i]);
    for (size_t v = 0; v < f->values.n; v++)
        for (uint32_t i = 0; i < f->values.p[v].nitem; i++)
            write_item(f, &f->values.p[v].item[i]);
}

/* ---- code lists, methods, comments
 * -------------------------------------------------------------------- */
static void write_term(const struct define *f, const struct def_list *l, const struct def_term *t,
                       uint32_t order) {
    const char *tag = l->decoded ? "CodeListItem" : "EnumeratedItem";
    put(f, "        <");
    put(f, tag);
    attr(f, "CodedValue", t->value);
    attr_n(f, "OrderNumber", order);
    if (t->extended) attr_c(f, "def:ExtendedValue", "Yes");
    if (!l->decoded && !t->code.n) {
        put(f, "/>\n");
        return;
    }
    put(f, ">\n");
    if (l->decoded) translated(f, "          ", "Decode", t->decode.n ? t->decode : t->value);
    if (t->code.n) alias(f, "          ", "nci:ExtCodeID", t->code);
    put(f, "        </");
    put(f, tag);
    put(f, ">\n");
}

static void write_lists(const struct define *f) {
    for (size_t k = 0; k < f->list.n; k++) {
        const struct def_list *l = &f->list.p[k];
        put(f, "      <CodeList");
        attr(f, "OID", l->oid);
        attr(f, "Name", l->name);
        attr_c(f, "DataType", l->type);
        if (l->standard)
            attr_c(f, "def:StandardOID", DEF_CT);
        else
            attr_c(f, "def:IsNonStandard", "Yes");
        put(f, ">\n");
        for (uint32_t i = 0; i < l->nterm; i++)
            write_term(f, l, &l->term[i], i + 1);
        if (l->standard) alias(f, "        ", "nci:ExtCodeID", l->code);
        put(f, "      </CodeList>\n");
    }
}

static void write_methods(const struct define *f) {
    for (size_t i = 0; i < f->method.n; i++) {
        const struct def_text *m = &f->method.p[i];
        put(f, "      <MethodDef");
        attr(f, "OID", m->oid);
        attr(f, "Name", m->name);
        put(f, " Type=\"Computation\">\n");
        translated(f, "        ", "Description", m->text);
        if (m->formal.n) {
            put(f, "        <FormalExpression Context=\"sdtmill\">");
            sm_xmlw_text(f->sink, m->formal);
            put(f, "</FormalExpression>\n");
        }
        put(f, "      </MethodDef>\n");
    }
}

static void write_comments(const struct define *f) {
    for (size_t i = 0; i < f->comment.n; i++) {
        put(f, "      <def:CommentDef");
        attr(f, "OID", f->comment.p[i].oid);
        put(f, ">\n");
        translated(f, "        ", "Description", f->comment.p[i].text);
        put(f, "      </def:CommentDef>\n");
    }
}

void def_write(const struct define *f) {
    write_head(f);
    write_standards(f);
    write_values(f);
    for (size_t i = 0; i < f->group.n; i++)
        write_group(f, &f->group.p[i]);
    write_items(f);
    write_lists(f);
    write_methods(f);
    write_comments(f);
    put(f, "    </MetaDataVersion>\n  </Study>\n</ODM>\n");
}
