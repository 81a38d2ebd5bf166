/* SPDX-License-Identifier: MIT */
#include "dtc/dtc_priv.h"
#include "sdtmill/err.h"

struct locale {
    const char *tag;
    const char *months[12]; /* spellings in lower case, '|' between them */
};

/* Full names, the abbreviations in use, and the spellings sites type without accents. */
static const struct locale locales[] = {
    {"en",
     {"january|jan", "february|feb", "march|mar", "april|apr", "may", "june|jun", "july|jul",
      "august|aug", "september|sept|sep", "october|oct", "november|nov", "december|dec"}},
    {"de",
     {"januar|jan|jänner|jän", "februar|feb|feber", "märz|mär|mrz|maerz|mar", "april|apr", "mai",
      "juni|jun", "juli|jul", "august|aug", "september|sept|sep", "oktober|okt", "november|nov",
      "dezember|dez"}},
    {"es",
     {"enero|ene", "febrero|feb", "marzo|mar", "abril|abr", "mayo|may", "junio|jun", "julio|jul",
      "agosto|ago", "septiembre|setiembre|sept|sep|set", "octubre|oct", "noviembre|nov",
      "diciembre|dic"}},
    {"fr",
     {"janvier|janv|jan", "février|fevrier|févr|fevr|fév|fev", "mars|mar", "avril|avr", "mai",
      "juin|jun", "juillet|juil|jul", "août|aout|aoû|aou", "septembre|sept|sep", "octobre|oct",
      "novembre|nov", "décembre|decembre|déc|dec"}},
    {"it",
     {"gennaio|genn|gen", "febbraio|febbr|feb", "marzo|mar", "aprile|apr", "maggio|magg|mag",
      "giugno|giu", "luglio|lug", "agosto|ago", "settembre|sett|set", "ottobre|ott", "novembre|nov",
      "dicembre|dic"}},
    {"pt",
     {"janeiro|jan", "fevereiro|fev", "março|marco|mar", "abril|abr", "maio|mai", "junho|jun",
      "julho|jul", "agosto|ago", "setembro|set", "outubro|out", "novembro|nov", "dezembro|dez"}},
    {"nl",
     {"januari|jan", "februari|feb", "maart|mrt|maa", "april|apr", "mei", "juni|jun", "juli|jul",
      "augustus|aug", "september|sept|sep", "oktober|okt", "november|nov", "december|dec"}},
    {"sv",
     {"januari|jan", "februari|feb|febr", "mars|mar", "april|apr", "maj", "juni|jun", "juli|jul",
      "augusti|aug", "september|sept|sep", "oktober|okt", "november|nov", "december|dec"}},
    {"nb",
     {"januar|jan", "februar|feb", "mars|mar", "april|apr", "mai", "juni|jun", "juli|jul",
      "august|aug", "september|sept|sep", "oktober|okt", "november|nov", "desember|des"}},
    {"da",
     {"januar|jan", "februar|feb", "marts|mar", "april|apr", "maj", "juni|jun", "juli|jul",
      "august|aug", "september|sept|sep", "oktober|okt", "november|nov", "december|dec"}},
    {"fi",
     {"tammikuuta|tammikuu|tammik|tammi|tam", "helmikuuta|helmikuu|helmik|helmi|hel",
      "maaliskuuta|maaliskuu|maalisk|maalis|maa", "huhtikuuta|huhtikuu|huhtik|huhti|huh",
      "toukokuuta|toukokuu|toukok|touko|tou",
      "kesäkuuta|kesäkuu|kesäk|kesä|kesakuuta|kesakuu|kesak|kesa|kes",
      "heinäkuuta|heinäkuu|heinäk|heinä|heinakuuta|heinakuu|heinak|heina|hei",
      "elokuuta|elokuu|elok|elo", "syyskuuta|syyskuu|syysk|syys|syy",
      "lokakuuta|lokakuu|lokak|loka|lok", "marraskuuta|marraskuu|marrask|marras|mar",
      "joulukuuta|joulukuu|jouluk|joulu|jou"}},
};

static inline unsigned char folded(unsigned char c, unsigned char before) {
    if (c >= 'A' && c <= 'Z') return (unsigned char)(c + 32);
    /* second byte of U+00C0..U+00DE; U+00D7 is the multiplication sign */
    if (before == 0xC3 && c >= 0x80 && c <= 0x9E && c != 0x97) return (unsigned char)(c + 0x20);
    return c;
}

bool sm_dtc_same_nocase(const char *a, const char *b, size_t n) {
    unsigned char a_before = 0, b_before = 0;
    for (size_t i = 0; i < n; ++i) {
        const unsigned char x = (unsigned char)a[i], y = (unsigned char)b[i];
        if (x != y && folded(x, a_before) != folded(y, b_before)) return false;
        a_before = x;
        b_before = y;
    }
    return true;
}

static unsigned bucket_of(const struct sm_dtc_name *name) {
    return (unsigned char)name->p[0] % SM_DTC_NAME_BUCKETS;
}

static bool comes_before(const struct sm_dtc_name *a, const struct sm_dtc_name *b) {
    const unsigned x = bucket_of(a), y = bucket_of(b);
    return x != y ? x < y : a->n > b->n;
}

static const struct locale *locale_find(const char *tag) {
    for (size_t i = 0; i < SM_ARRAY_LEN(locales); ++i)
        if (tag[0] != '\0' && tag[1] != '\0' && sm_dtc_same_nocase(tag, locales[i].tag, 2) &&
            (tag[2] == '\0' || tag[2] == '-' || tag[2] == '_'))
            return &locales[i];
    return NULL;
}

static size_t spellings_count(const struct locale *l) {
    size_t n = 0;
    for (int month = 0; month < 12; ++month) {
        ++n;
        for (const char *p = l->months[month]; *p != '\0'; ++p)
            n += *p == '|';
    }
    return n;
}

static void spellings_fill(const struct locale *l, struct sm_dtc_name *names) {
    size_t n = 0;
    for (int month = 0; month < 12; ++month) {
        struct sm_str rest = sm_str(l->months[month]), piece;
        while (sm_str_split(&rest, '|', &piece)) {
            const struct sm_dtc_name name = {
                .p = piece.p, .n = (uint8_t)piece.n, .month = (uint8_t)(month + 1)};
            size_t at = n++;
            for (; at > 0 && comes_before(&name, &names[at - 1]); --at)
                names[at] = names[at - 1];
            names[at] = name;
        }
    }
}

const struct sm_dtc_names *sm_dtc_names_load(struct sm_arena *a, const char *locale,
                                             struct sm_err *err) {
    const struct locale *l = locale_find(locale == NULL ? "en" : locale);
    if (l == NULL) {
        sm_fail(err, SM_ESPEC, "no month names for the language \"%.20s\" (%s)", locale,
                "there are en de es fr it pt nl sv nb da fi");
        return NULL;
    }
    const size_t n = spellings_count(l);
    struct sm_dtc_names *ret = sm_arena_alloc(a, sizeof *ret);
    struct sm_dtc_name *names = sm_arena_array(a, n, sizeof *names);
    if (ret == NULL || names == NULL) {
        sm_fail(err, SM_ENOMEM, "no memory for month names");
        return NULL;
    }
    spellings_fill(l, names);
    ret->names = names;
    for (size_t i = 0; i < n; ++i)
        ++ret->start[bucket_of(&names[i]) + 1];
    for (size_t b = 0; b < SM_DTC_NAME_BUCKETS; ++b)
        ret->start[b + 1] = (uint16_t)(ret->start[b + 1] + ret->start[b]);
    return ret;
}
