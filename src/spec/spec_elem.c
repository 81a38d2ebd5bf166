/* SPDX-License-Identifier: MIT */
/* The shape of a mapping as a table: which element stands where, with which attributes. The schema
 * has the last word; this check comes first because it can name the attribute, its column and the
 * nearest right name. */
#include "spec/spec_priv.h"

/* Attributes: comma-separated; ! must be there, # whole number, + whole number above 0, =a|b one
 * of. Children: kinds, see below. */
struct elem {
    const char *kind, *name, *attrs, *children;
    bool text;
};

#define DATES "dates,times,locale,century-cutoff#,unknown,missing"
#define ABOUT                                                                                      \
    "origin=Collected|Derived|Assigned|Protocol|Predecessor|Not Available|Other,comment,method"
#define YN     "=yes|no"
#define TERMS  "codelist,unmatched=keep|upper|blank|reject"
#define TAKE   "take=first|last|min|max|sum|count|only"
#define FORMAT "delimiter,quote,encoding,decimal=.|\x01,group,header#,skip#," DATES
#define PARTS                                                                                      \
    "part subject codelist terminology recode table units dialect source lookup epochs ignore "    \
    "domain"
#define RULES                                                                                      \
    "assign hardcode datetime compute multiple supplement check when otherwise not-submitted"
#define POST "compute assign hardcode supplement check"

static const struct elem elems[] = {
    {"study", "study", "oid!,name!,title,description,protocol,sponsor,standard!,raw," DATES, PARTS,
     false},
    {"part", "part", "", PARTS, false},
    {"subject", "subject", "usubjid!,subjid,source,unknown=reject|report|keep", "", false},
    {"codelist", "codelist", "name!,code,label,extensible" YN ",extends", "term", false},
    {"term", "term", "value!,code,decode", "synonym", false},
    {"synonym", "synonym", "", "", true},
    {"terminology", "terminology", "package,file!", "", false},
    {"recode", "recode",
     "name!,unmatched=keep|report|blank,ignore-case" YN ",file,from,to,delimiter", "map only",
     false},
    {"map", "map", "from!,to!", "", false},
    {"only", "only", "column!,value!", "", false},
    {"table", "table", "name!,key!,file,delimiter,ignore-case" YN, "", true},
    {"units", "units",
     "name!,round=half-up|half-even|down,digits#,file,test,from,to,factor,divide,offset,digits-"
     "column,delimiter",
     "convert", false},
    {"convert", "convert", "test,from!,to!,factor,divide,offset,digits#", "", false},
    {"source", "source", "name!,label,usubjid,subjid", "source-column key file not-submitted",
     false},
    {"source-column", "column",
     "name!,label,type=text|number|result|date|time,required" YN ",optional" YN
     ",invalid=blank|reject,min,max",
     "", false},
    {"key", "key", "columns!,duplicates", "", false},
    {"not-submitted", "not-submitted", "columns,column,reason", "", false},
    {"dialect", "dialect", "name!,label," FORMAT, "file-column not-submitted", false},
    {"file", "file", "path!,label,dialect,footer,optional" YN "," FORMAT,
     "file-column unpivot key not-submitted skip", false},
    {"skip", "skip", "when!,reason", "", false},
    {"file-column", "column",
     "name!,from,value,expr,recode,missing,dates,locale,decimal=.|\x01,group", "", false},
    {"unpivot", "unpivot", "name!,value!,unit,skip-empty" YN, "unpivot-from", false},
    {"unpivot-from", "from", "column!,name!,unit", "file-column", false},
    {"lookup", "lookup", "name!," TAKE ",source,key,value,where", "lookup-from", false},
    {"lookup-from", "from", "source!,key!,value,where", "", false},
    {"epochs", "epochs", "", "epoch", false},
    {"epoch", "epoch", "name!,start,end", "", false},
    {"ignore", "ignore", "files!,reason", "", false},
    {"domain", "domain", "name!,dataset,label,class,structure,keys,like,comment",
     "variable from group derive", false},
    {"variable", "variable",
     "name!,label,type=Char|Num,length+,codelist,role,core=Req|Exp|Perm,after,split=supp,keep" YN
     "," ABOUT,
     "", false},
    {"group", "group", "by!", "", false},
    {"from", "from", "source,domain,where", RULES " record repeat", false},
    {"when", "when", "test!", RULES " record repeat", false},
    {"otherwise", "otherwise", "", RULES " record repeat", false},
    {"record", "record", "when", RULES " repeat", false},
    {"repeat", "repeat", "columns!,when,skip-empty" YN, RULES, false},
    {"assign", "assign", "var!,from!,recode,case=upper|lower," TERMS ",min,max," TAKE "," ABOUT, "",
     false},
    {"hardcode", "hardcode", "var!,value!," TERMS "," TAKE "," ABOUT, "", false},
    {"datetime", "datetime",
     "var!,date,time,format,time-format,locale,invalid=blank|reject," TAKE "," ABOUT, "", false},
    {"compute", "compute", "var!,value!,case=upper|lower," TERMS ",min,max," TAKE "," ABOUT, "",
     false},
    {"multiple", "multiple", "var!,value,label," TERMS "," ABOUT, "choice", false},
    {"choice", "choice", "from,test,value", "", false},
    {"supplement", "supplement", "name!,label!,from,value,evaluator," TERMS "," ABOUT, "", false},
    {"check", "check",
     "test!,kind,message,mend,column,severity=note|warning|error,effect=keep|reject", "", false},
    {"derive", "derive", "",
     POST " derive-when derive-otherwise sequence study-day standardize last-before-exposure "
          "baseline visit epoch-of "
          "duration age relate",
     false},
    {"derive-when", "when", "test!", POST " derive-when derive-otherwise", false},
    {"derive-otherwise", "otherwise", "", POST " derive-when derive-otherwise", false},
    {"sequence", "sequence", "var!,by,order," ABOUT, "", false},
    {"study-day", "study-day", "var!,from!,reference!," ABOUT, "", false},
    {"standardize", "standardize",
     "units!,test,result,unit,words,unconverted=blank|keep,digits#," ABOUT, "", false},
    {"last-before-exposure", "last-before-exposure",
     "var!,by,date,reference!,where,ties=last|all," ABOUT, "", false},
    {"baseline", "baseline", "var!,by,date,reference,where,ties=last|all," ABOUT, "", false},
    {"visit", "visit", "from!,table!,unmatched=report|keep|blank," ABOUT, "", false},
    {"epoch-of", "epoch", "var!,from!," ABOUT, "", false},
    {"duration", "duration", "var!,from!,to!," ABOUT, "", false},
    {"age", "age", "var!,unit,from!,to!," ABOUT, "", false},
    {"relate", "relate", "to!,by!,id,type=ONE|MANY|," ABOUT, "", false},
};

static const struct elem *elem_kind(struct sm_str kind) {
    for (size_t i = 0; i < SM_ARRAY_LEN(elems); i++)
        if (sm_str_eq_c(kind, elems[i].kind)) return &elems[i];
    return NULL;
}

static const struct elem *elem_child(const struct elem *e, const char *name) {
    for (size_t i = 0; i < SM_ARRAY_LEN(elems); i++) {
        if (strcmp(elems[i].name, name) != 0) continue;
        struct sm_str rest = sm_str(e->children), kind;
        while (sm_str_word(&rest, &kind))
            if (sm_str_eq_c(kind, elems[i].kind)) return &elems[i];
    }
    return NULL;
}

struct elem_attr {
    struct sm_str name, values;
    bool required;
    char number;
};

static bool elem_attr_next(struct sm_str *rest, struct elem_attr *ret) {
    struct sm_str piece;
    do
        if (!sm_str_split(rest, ',', &piece)) return false;
    while (piece.n == 0);
    *ret = (struct elem_attr){.name = piece};
    size_t eq = sm_str_find_byte(piece, '=', 0);
    if (eq != SIZE_MAX) {
        ret->name.n = eq;
        ret->values = sm_str_n(piece.p + eq + 1, piece.n - eq - 1);
    }
    if (ret->name.n == 0) return false;
    char last = ret->name.p[ret->name.n - 1];
    if (last == '!' || last == '#' || last == '+') ret->name.n--;
    ret->required = last == '!';
    ret->number = last == '#' || last == '+' ? last : '\0';
    return true;
}

static bool elem_is_one_of(struct sm_str values, struct sm_str v) {
    struct sm_str piece;
    if (sm_str_eq_c(v, ",")) v = SM_STR("\x01"); /* the comma parts the table's attributes */
    while (sm_str_split(&values, '|', &piece))
        if (sm_str_eq(piece, v)) return true;
    return false;
}

static bool elem_value(struct sp_load *l, const xmlNode *n, const struct elem_attr *a,
                       const char *name) {
    struct sm_str v = sp_word(n, name);
    uint64_t number;
    if (a->required && v.n == 0 &&
        !elem_is_one_of(SM_STR("from|to|value|unit|key|usubjid"), a->name)) {
        sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(n, name, 1), NULL, "%s= of <%s> is empty", name,
               (const char *)n->name);
        return false;
    }
    if (a->number &&
        (!sm_str_to_u64(v, &number) || number > 1000000 || (a->number == '+' && number == 0))) {
        sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(n, name, 1), NULL,
               "%s=\"%.*s\" is not a whole number%s", name, SM_STR_FMT(v),
               a->number == '+' ? " above 0" : "");
        return false;
    }
    if (a->values.p == NULL || elem_is_one_of(a->values, v)) return true;
    struct sp_near near = sp_near_start(v);
    struct sm_str rest = a->values, piece;
    char list[200] = "write ", mend[256];
    size_t k = 6;
    while (sm_str_split(&rest, '|', &piece)) {
        if (piece.n && piece.p[0] == '\x01') piece = SM_STR(",");
        sp_near_try(&near, piece);
        int w = snprintf(list + k, sizeof list - k, "%s'%.*s'",
                         k > 6 ? (rest.p ? ", " : " or ") : "", SM_STR_FMT(piece));
        if (w > 0 && (size_t)w < sizeof list - k) k += (size_t)w;
    }
    if (near.best.p)
        (void)snprintf(mend, sizeof mend, "did you mean '%.*s'?", SM_STR_FMT(near.best));
    sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(n, name, 1),
           &(struct sp_about){.mend = near.best.p ? mend : list},
           "%s=\"%.*s\" of <%s> is not one of its values", name, SM_STR_FMT(v),
           (const char *)n->name);
    return false;
}

static bool elem_unknown_attr(struct sp_load *l, const xmlNode *n, const struct elem *e,
                              const char *name) {
    struct sp_near near = sp_near_start(sm_str(name));
    struct sm_str rest = sm_str(e->attrs);
    struct elem_attr a;
    while (elem_attr_next(&rest, &a))
        sp_near_try(&near, a.name);
    char mend[200];
    struct sp_about about = {.mend = mend};
    if (near.best.p)
        (void)snprintf(mend, sizeof mend, "did you mean %.*s=?", SM_STR_FMT(near.best));
    else
        (void)snprintf(mend, sizeof mend, "remove it; <%s> is described in sdtmill-mapping(5)",
                       e->name);
    sp_say(l, SM_D_MAPPING_INVALID, sp_at_attr(n, name, 1), &about,
           "<%s> has no attribute %s=", e->name, name);
    return false;
}

static bool elem_attrs(struct sp_load *l, const xmlNode *n, const struct elem *e) {
    bool good = true;
    struct elem_attr a;
    for (const xmlAttr *p = n->properties; p; p = p->next) {
        const char *name = (const char *)p->name;
        if (p->ns) continue; /* xml:base and the like; the schema says which */
        struct sm_str rest = sm_str(e->attrs);
        bool found = false;
        while (!found && elem_attr_next(&rest, &a))
            found = sm_str_eq_c(a.name, name);
        good = (found ? elem_value(l, n, &a, name) : elem_unknown_attr(l, n, e, name)) && good;
    }
    struct sm_str rest = sm_str(e->attrs);
    while (elem_attr_next(&rest, &a)) {
        char name[40];
        if (!a.required || a.name.n >= sizeof name) continue;
        memcpy(name, a.name.p, a.name.n);
        name[a.name.n] = 0;
        if (sp_has(n, name)) continue;
        good = false;
        sp_say(l, SM_D_MAPPING_INVALID, sp_at(n), NULL, "<%s> needs the attribute %s=", e->name,
               name);
    }
    return good;
}

static bool elem_text(struct sp_load *l, const xmlNode *n, const struct elem *e) {
    for (const xmlNode *t = n->children; t && !e->text; t = t->next) {
        if ((t->type != XML_TEXT_NODE && t->type != XML_CDATA_SECTION_NODE) || t->content == NULL)
            continue;
        struct sm_str s = sm_str_trim(sm_str((const char *)t->content));
        if (s.n == 0) continue;
        sp_say(l, SM_D_MAPPING_INVALID, sp_at(n), &(struct sp_about){.mend = "remove the text"},
               "<%s> holds no text: '%.*s'", e->name, s.n > 40 ? 40 : (int)s.n, s.p);
        return false;
    }
    return true;
}

static bool elem_unknown(struct sp_load *l, const xmlNode *n, const struct elem *parent) {
    struct sp_near near = sp_near_start(sm_str((const char *)n->name));
    struct sm_str rest = sm_str(parent->children), kind;
    while (sm_str_word(&rest, &kind)) {
        const struct elem *c = elem_kind(kind);
        if (c) sp_near_try(&near, sm_str(c->name));
    }
    char mend[200];
    if (near.best.p)
        (void)snprintf(mend, sizeof mend, "did you mean <%.*s>?", SM_STR_FMT(near.best));
    else
        (void)snprintf(mend, sizeof mend, "see <%s> in sdtmill-mapping(5)", parent->name);
    sp_say(l, SM_D_MAPPING_INVALID, sp_at(n), &(struct sp_about){.mend = mend},
           "<%s> cannot stand in <%s>", (const char *)n->name, parent->name);
    return false;
}

/* <otherwise> directly follows its <when>. */
static bool elem_otherwise(struct sp_load *l, const xmlNode *n) {
    const xmlNode *p = n->prev;
    while (p && p->type != XML_ELEMENT_NODE)
        p = p->prev;
    if (p && sp_is(p, "when")) return true;
    sp_say(l, SM_D_MAPPING_INVALID, sp_at(n), NULL, "<otherwise> must directly follow a <when>");
    return false;
}

/* Lists may be as long as they like; what is compiled may not. */
static bool elem_is_list(const struct elem *e) {
    static const char *const lists[] = {"codelist", "recode", "units", "study", "part"};
    for (size_t i = 0; i < SM_ARRAY_LEN(lists); i++)
        if (strcmp(e->kind, lists[i]) == 0) return true;
    return false;
}

static bool elem_walk(struct sp_load *l, const xmlNode *n, const struct elem *e) {
    bool good = elem_attrs(l, n, e);
    good = elem_text(l, n, e) && good;
    if (sp_is(n, "otherwise")) good = elem_otherwise(l, n) && good;
    uint32_t count = 0;
    for (const xmlNode *c = n->children; c && !l->failed; c = c->next) {
        if (c->type != XML_ELEMENT_NODE) continue;
        if (++count > SP_CHILDREN_MAX && !elem_is_list(e))
            sp_too_large(l, sp_at(c), "elements within one element", SP_CHILDREN_MAX);
        bool ours = c->ns && n->ns && xmlStrEqual(c->ns->href, n->ns->href);
        const struct elem *k = ours ? elem_child(e, (const char *)c->name) : NULL;
        good = (k ? elem_walk(l, c, k) : elem_unknown(l, c, e)) && good;
    }
    return good;
}

bool sp_elem_check(struct sp_load *l, struct sp_file *f) {
    static const struct elem top = {"", "an included file", "", "study " PARTS, false};
    const xmlNode *root = xmlDocGetRootElement(f->doc);
    const struct elem *e = elem_child(&top, (const char *)root->name);
    return e ? elem_walk(l, root, e) : elem_unknown(l, root, &top);
}
