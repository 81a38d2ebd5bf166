/* SPDX-License-Identifier: MIT */
/* gen.c - deterministic raw-site LB/DM export generator.
 *   gen ROWS lb_raw.csv dm_raw.csv [ROWS_PER_SUBJECT]
 * Row content is a pure function of the row id (splitmix64), so only the order
 * depends on the 10% shuffle. 504 rows/subject = 21 visits x 2 draws x 12 tests
 * unless told; with more of them a subject's visits begin again, one each day. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t z) {
    z += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}
static uint64_t h2(uint64_t a, uint64_t b) {
    return mix(mix(a) ^ (b * 0xd6e8feb86659fd93ULL));
}
static double u01(uint64_t h) {
    return (h >> 11) * (1.0 / 9007199254740992.0);
}

#define SEED          20140105ULL
#define VISITS        21
#define SUBJ_PER_SITE 100

typedef struct {
    const char *u;
    double f;
    int dec;
} Unit;
typedef struct {
    const char *name;
    double lo, hi;
    int nu;
    Unit u[3];
} Test;
static const Test T[12] = {
    {"Haemoglobin", 130, 170, 3, {{"g/dL", 10, 1}, {"g/L", 1, 0}, {"mmol/L", 16.114, 2}}},
    {"Leucocytes", 4, 10, 3, {{"10^9/L", 1, 2}, {"10*3/uL", 1, 1}, {"/uL", 0.001, 0}}},
    {"Thrombocytes", 150, 400, 2, {{"10^9/L", 1, 0}, {"10*3/uL", 1, 0}, {0, 0, 0}}},
    {"Na+", 135, 145, 2, {{"mmol/L", 1, 0}, {"mEq/L", 1, 0}, {0, 0, 0}}},
    {"Potassium serum", 3.5, 5.1, 2, {{"mmol/L", 1, 1}, {"mEq/L", 1, 2}, {0, 0, 0}}},
    {"S-Creatinine", 60, 110, 2, {{"umol/L", 1, 0}, {"mg/dL", 88.42, 2}, {0, 0, 0}}},
    {"Glucose fasting", 3.9, 5.6, 2, {{"mmol/L", 1, 1}, {"mg/dL", 0.0555, 0}, {0, 0, 0}}},
    {"ALAT (SGPT)", 7, 56, 3, {{"U/L", 1, 0}, {"IU/L", 1, 0}, {"ukat/L", 60, 3}}},
    {"ASAT (SGOT)", 10, 40, 3, {{"U/L", 1, 0}, {"IU/L", 1, 0}, {"ukat/L", 60, 3}}},
    {"Bilirubin total", 3, 21, 2, {{"umol/L", 1, 1}, {"mg/dL", 17.104, 2}, {0, 0, 0}}},
    {"Albumin serum", 35, 50, 2, {{"g/L", 1, 0}, {"g/dL", 10, 1}, {0, 0, 0}}},
    {"Total cholesterol", 3.0, 5.2, 2, {{"mmol/L", 1, 2}, {"mg/dL", 0.02586, 0}, {0, 0, 0}}}};
static const char *V[21] = {"Screening", "Baseline", "Week 2",   "Week 4",  "Week 6",  "Week 8",
                            "Week 10",   "Week 12",  "Week 14",  "Week 16", "Week 18", "Week 20",
                            "Week 22",   "Week 24",  "Week 26",  "Week 28", "Week 30", "Week 32",
                            "Week 34",   "Week 36",  "Follow-up"};
static const char *MON[12] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                              "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};

static void civil(int z, int *y, int *m, int *d) { /* days since 1970-01-01 */
    z += 719468;
    int era = (z >= 0 ? z : z - 146096) / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int yy = (int)yoe + era * 400;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = yy + (*m <= 2);
}

static uint64_t per_subj = 504;

static int rfst_day(uint64_t s) {
    return 15857 + (int)(h2(SEED + 1, s) % 700);
} /* 2013-06-01 .. */

static const char *C1[8] = {"Sample slightly haemolysed, result confirmed",
                            "Repeat draw, first tube clotted",
                            "Fasting status unknown, subject not asked",
                            "Lab courier delayed, stored at 4 C",
                            "Taken before dose, per protocol",
                            "Verified by site, no action",
                            "Out of window, see deviation log",
                            "Subject felt faint, recovered"};
static const char *C2[4] = {"Retested at 25\xc2\xb0"
                            "C, d\xc3\xa9lai de transport",
                            "Pr\xc3\xb6"
                            "be h\xc3\xa4molytisch, wiederholt",
                            "Investigator: M\xc3\xbcller, aware",
                            "\xe6\xba\xb6\xe8\xa1\x80, confirmed by lab"};

static char *ps(char *p, const char *s) {
    size_t n = strlen(s);
    memcpy(p, s, n);
    return p + n;
}
static char *pu(char *p, unsigned v, int w) {
    char b[16];
    int n = 0;
    do {
        b[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    while (n < w)
        b[n++] = '0';
    while (n)
        *p++ = b[--n];
    return p;
}
static char *pdate(char *p, int day) {
    int y, m, d;
    civil(day, &y, &m, &d);
    p = pu(p, (unsigned)d, 2);
    *p++ = '-';
    p = ps(p, MON[m - 1]);
    *p++ = '-';
    return pu(p, (unsigned)y, 4);
}
static char *pfix(char *p, double v, int dec) {
    if (v < 0) v = 0;
    static const double P[5] = {1, 10, 100, 1000, 10000};
    uint64_t k = (uint64_t)floor(v * P[dec] + 0.5);
    p = pu(p, (unsigned)(k / (uint64_t)P[dec]), 1);
    if (dec) {
        *p++ = '.';
        p = pu(p, (unsigned)(k % (uint64_t)P[dec]), dec);
    }
    return p;
}

static char *row(char *p, uint64_t id) {
    uint64_t s = id / per_subj;
    int in = (int)(id % per_subj), w = in / 24, v = w % VISITS, tp = (in / 12) % 2, t = in % 12;
    uint64_t site = s / SUBJ_PER_SITE + 1;
    const Test *T0 = &T[t];
    uint64_t r = h2(SEED + 2, id), r2 = mix(r), r3 = mix(r2), r4 = mix(r3);
    p = ps(p, "ABC-301,");
    p = pu(p, (unsigned)site, 3);
    *p++ = ',';
    p = pu(p, (unsigned)(100001 + s), 6);
    *p++ = ',';
    p = ps(p, V[v]);
    *p++ = ',';
    /* date: same for all tests of one draw, so hash on the draw */
    uint64_t hv = h2(SEED + 3, s * 64 + (uint64_t)w);
    int off = w == 0 ? -14 : w == 1 ? 0 : w < 20 ? (w - 1) * 14 : 250 + w;
    int jit = w < 2 ? -(int)(hv % 3 == 0) : w < VISITS ? (int)(hv % 5) - 2 : 0;
    int day = rfst_day(s) + off + jit;
    unsigned pc = (unsigned)(r % 1000);
    if (pc < 10) {
    } else if (pc < 40) {
        int y, m, d;
        civil(day, &y, &m, &d);
        if (pc < 30) {
            p = ps(p, "UN-");
            p = ps(p, MON[m - 1]);
            *p++ = '-';
        } else
            p = ps(p, "UN-UNK-");
        p = pu(p, (unsigned)y, 4);
    } else
        p = pdate(p, day);
    *p++ = ',';
    if ((r2 % 1000) >= 200) {
        uint64_t ht = h2(SEED + 4, (s * 64 + (uint64_t)w) * 2 + (uint64_t)tp);
        unsigned mi = tp == 0 ? 420 + (unsigned)(ht % 180) : 660 + (unsigned)(ht % 360);
        p = pu(p, mi / 60, 2);
        *p++ = ':';
        p = pu(p, mi % 60, 2);
    }
    *p++ = ',';
    p = ps(p, T0->name);
    *p++ = ',';
    const Unit *U = &T0->u[h2(SEED + 5, site * 16 + (uint64_t)t) % (unsigned)T0->nu];
    unsigned rc = (unsigned)(r3 % 1000);
    if (rc < 10) {
        p = ps(p, "NOT DONE,,,,");
    } else {
        if (rc < 30)
            p = ps(p, "<0.1");
        else {
            double g = (u01(r4) + u01(mix(r4 + 1)) + u01(mix(r4 + 2))) / 3.0; /* ~bell in 0..1 */
            double x = T0->lo + (T0->hi - T0->lo) * (0.5 + (g - 0.5) * 3.2);
            if (x < 0.05) x = 0.05;
            p = pfix(p, x / U->f, U->dec);
        }
        *p++ = ',';
        p = ps(p, U->u);
        *p++ = ',';
        p = pfix(p, T0->lo / U->f, U->dec);
        *p++ = ',';
        p = pfix(p, T0->hi / U->f, U->dec);
        *p++ = ',';
    }
    unsigned cc = (unsigned)((r4 >> 20) % 1000);
    if (cc < 300) {
        const char *c = (r4 >> 40) % 20 == 0 ? C2[(r4 >> 50) % 4] : C1[(r4 >> 50) % 8];
        *p++ = '"';
        p = ps(p, c);
        if ((r4 >> 30) % 4 == 0) {
            p = ps(p, "; ref ");
            p = pu(p, (unsigned)(r3 >> 40) % 100000, 1);
        }
        *p++ = '"';
    } else if (cc < 310) {
        p = ps(p, "\"Second line follows\nunit checked by ");
        p = pu(p, (unsigned)(r3 >> 40) % 1000, 1);
        *p++ = '"';
    } else if (cc < 320) {
        p = ps(p, "\"Reported as \"\"trace\"\" by site lab ");
        p = pu(p, (unsigned)(r3 >> 40) % 1000, 1);
        *p++ = '"';
    }
    *p++ = '\n';
    return p;
}
int main(int c, char **v) {
    if (c == 5) per_subj = strtoull(v[4], 0, 10);
    if (c < 4 || c > 5 || per_subj < 1) {
        fprintf(stderr, "gen ROWS lb.csv dm.csv [ROWS_PER_SUBJECT]\n");
        return 2;
    }
    uint64_t n = strtoull(v[1], 0, 10);
    uint64_t ns = (n + per_subj - 1) / per_subj;
    FILE *f = fopen(v[2], "wb"), *g = fopen(v[3], "wb");
    if (!f || !g) {
        perror("open");
        return 1;
    }
    /* 10% of positions are permuted among themselves */
    uint64_t m = 0, cap = n / 9 + 1024;
    uint32_t *pos = malloc(cap * 4), *val = malloc(cap * 4);
    for (uint64_t i = 0; i < n; i++)
        if (h2(SEED + 6, i) % 10 == 0) {
            if (m == cap) {
                fprintf(stderr, "cap\n");
                return 1;
            }
            pos[m] = val[m] = (uint32_t)i;
            m++;
        }
    for (uint64_t i = m; i > 1; i--) {
        uint64_t j = h2(SEED + 7, i) % i;
        uint32_t t = val[i - 1];
        val[i - 1] = val[j];
        val[j] = t;
    }
    static char buf[1 << 20];
    char *p = ps(buf, "STUDY,SITE,SUBJECT,VISIT,LBDAT,LBTIM,TEST,RESULT,UNIT,LOW,HIGH,COMMENT\n");
    uint64_t k = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t id = i;
        if (k < m && pos[k] == i) id = val[k++];
        p = row(p, id);
        if (p - buf > (1 << 20) - 1024) {
            fwrite(buf, 1, (size_t)(p - buf), f);
            p = buf;
        }
    }
    fwrite(buf, 1, (size_t)(p - buf), f);
    if (fclose(f)) return 1;
    p = ps(buf, "STUDY,SITE,SUBJECT,RFSTDAT,SEX,BRTHDAT,RACE,ARM\n");
    static const char *R[4] = {"WHITE", "ASIAN", "BLACK OR AFRICAN AMERICAN", "NOT REPORTED"};
    for (uint64_t s = 0; s < ns; s++) {
        uint64_t h = h2(SEED + 8, s);
        p = ps(p, "ABC-301,");
        p = pu(p, (unsigned)(s / SUBJ_PER_SITE + 1), 3);
        *p++ = ',';
        p = pu(p, (unsigned)(100001 + s), 6);
        *p++ = ',';
        if (h % 50) p = pdate(p, rfst_day(s));
        *p++ = ',';
        *p++ = (h >> 8) % 2 ? 'M' : 'F';
        *p++ = ',';
        p = pdate(p, -12000 + (int)((h >> 16) % 18000));
        *p++ = ',';
        p = ps(p, R[(h >> 32) % 4]);
        *p++ = ',';
        p = ps(p, (h >> 40) % 2 ? "Placebo" : "Drug 10 mg");
        *p++ = '\n';
        if (p - buf > (1 << 20) - 1024) {
            fwrite(buf, 1, (size_t)(p - buf), g);
            p = buf;
        }
    }
    fwrite(buf, 1, (size_t)(p - buf), g);
    return fclose(g) != 0;
}
