/* Formats of strings as patterns. */
#include <string.h>

#include "runtime/grammar/schema_set.h"

#define MONTH_DAY                                                                                  \
    "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-" \
    "9]|2[0-8]))"
#define LEAP "([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)"
#define DATE "([0-9]{4}-" MONTH_DAY "|" LEAP "-02-29)"
#define TIME                                                                                       \
    "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9]" \
    ")"
#define BYTE  "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define LABEL "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#define ATOM  "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
#define H16   "[0-9A-Fa-f]{1,4}"
#define PCHAR "([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"

/* Narrower than their standards where these allow what is hardly ever meant: quoted local parts, leap seconds,
 * addresses within addresses. */
static const struct {
    const char *name, *pattern;
} formats[] = {
    /* RFC 3339 */
    {"date", "^" DATE "$"},
    {"time", "^" TIME "$"},
    {"date-time", "^" DATE "T" TIME "$"},
    /* ISO 8601 as in RFC 3339, appendix A */
    {"duration",
     "^P([0-9]{1,6}W|(([0-9]{1,6}Y([0-9]{1,6}M([0-9]{1,6}D)?)?|[0-9]{1,6}M([0-9]{1,6}D)?|"
     "[0-9]{1,6}D)(T([0-9]{1,6}H([0-9]{1,6}M([0-9]{1,6}S)?)?|[0-9]{1,6}M([0-9]{1,6}S)?|"
     "[0-9]{1,6}S))?|T([0-9]{1,6}H([0-9]{1,6}M([0-9]{1,6}S)?)?|[0-9]{1,6}M([0-9]{1,6}S)?|"
     "[0-9]{1,6}S)))$"},
    /* RFC 5321, dot-atoms */
    {"email", "^" ATOM "(\\." ATOM ")*@" LABEL "(\\." LABEL ")+$"},
    /* RFC 1123 */
    {"hostname", "^" LABEL "(\\." LABEL "){0,3}$"},
    /* RFC 2673 and 4291 */
    {"ipv4", "^" BYTE "(\\." BYTE "){3}$"},
    {"ipv6", "^((" H16 ":){7}" H16 "|(" H16 ":){1,6}(:" H16 ")|::(" H16 ":){0,5}" H16 "|::)$"},
    /* RFC 3986, with an authority */
    {"uri", "^[A-Za-z][A-Za-z0-9+.-]*://" PCHAR "+(/" PCHAR "*)*(\\?(" PCHAR "|[/?])*)?(#(" PCHAR
            "|[/?])*)?$"},
    /* RFC 4122 */
    {"uuid", "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"},
    /* Words for whoever shows the value: any text will do. */
    {"binary", ""},
    {"password", ""},
    {"path", ""},
    {"file-path", ""},
    {"directory-path", ""},
};

const char *pw_schema_format(const char *name)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i].name, name) == 0) return formats[i].pattern;
    return NULL;
}
