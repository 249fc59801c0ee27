/* grammar.y - Flink SQL's grammar: LALR(1) over the tokens that tokens.c has told apart. Actions only
 * call builders (build.h). One file because bison has no include. */
%define api.pure full
%define api.prefix {sql_yy}
%define api.token.prefix {TOK_}
%define api.location.type {struct ast_span}
%define parse.error custom
%define parse.lac full
%locations
%parse-param {struct sql_parse *c}
%lex-param {struct sql_parse *c}

%code requires {
#include "sql/build_stmt.h"
}
%code {
#include "sql/grammar.h"

int sql_yylex(SQL_YYSTYPE *value, struct ast_span *at, struct sql_parse *c);
static void sql_yyerror(const struct ast_span *at, struct sql_parse *c, const char *what);

/* A node begins at its first token: parts that are empty don't count. */
#define YYLLOC_DEFAULT(cur, rhs, n) (cur) = location_of(&YYRHSLOC(rhs, 0), (n))
static struct ast_span location_of(const struct ast_span *rhs, int n) {
    struct ast_span at = rhs[0];
    int first = 1, last = n;
    while (first <= n && rhs[first].begin == rhs[first].end) first++;
    if (first <= n) {
        while (rhs[last].begin == rhs[last].end) last--;
        return build_span(rhs[first], rhs[last]);
    }
    at.begin = at.end;
    at.line = at.end_line;
    at.column = at.end_column;
    return at;
}

enum { EXPECTED_MAX = 400 };
enum { JOIN_NATURAL = 16 }; /* beside an ast_join_kind */

/* Lists of values (the element is copied) and of pointers; structs in the arena. */
#define ADD(list, type, elem) build_list_add(c, (list), sizeof(type), (elem))
#define ADD_PTR(list, ptr) build_list_add(c, (list), sizeof(void *), &(const void *){(ptr)})
#define BUILD(type, ...) ((type *)arena_dup(c->arena, &(type){__VA_ARGS__}, sizeof(type)))
#define ALTER_OP(action_, assign)                                                                  \
    ({                                                                                             \
        struct ast_alter *alter_ = build_alter(c, AST_ALTER_##action_);                            \
        alter_ assign;                                                                             \
        alter_;                                                                                    \
    })

/* Brackets are counted before; this is for what needs none, NOT NOT ... */
#define YYMAXDEPTH 40000
}

%union {
    const struct sql_token *tok;
    struct ast *node;
    struct ast_query *query;
    struct ast_ident *ident;
    struct ast_name *name;
    struct ast_type *type;
    struct build_list *list;
    struct ast_call *call;
    struct ast_window *window;
    struct ast_select *select;
    struct ast_qualifier qual;
    struct ast_bound *bound;
    struct ast_sample *sample;
    struct ast_partition *partition;
    struct ast_column *column;
    struct ast_constraint *constraint;
    struct ast_watermark *watermark;
    struct ast_distribution *distribution;
    struct ast_create_table *table;
    struct ast_alter *alter;
    struct ast_show *show;
    struct ast_analyze *analyze;
    struct ast_insert *insert;
    struct ast_match *match;
    struct ast_field_def *field;
    struct ast_with_item *with_item;
    struct ast_order_item *order_item;
    struct ast_select_item *select_item;
    struct ast_hint *hint;
    struct ast_hint_option *hint_option;
    struct ast_measure *measure;
    struct ast_subset *subset;
    struct ast_define *define;
    struct ast_option *option;
    struct ast_partition_value *partition_value;
    struct ast_like_option *like_option;
    struct build_when *when;
    struct build_args *args;
    struct build_behavior *behavior;
    struct build_tail *tail;
    struct build_with *with;
    struct build_alias *alias;
    struct build_element *element;
    const char *str;
    int64_t num;
}

%token <tok> ABSENT "ABSENT" ABSENT_LA "ABSENT " NULL_LA "NULL " ON_LA "ON " BRACE_MINUS "{-" ADD "ADD" AFTER "AFTER" ALL "ALL" ALLOW "ALLOW" ALTER "ALTER"
    ANALYZE "ANALYZE" AND "AND" ANY "ANY" APPROX_NUMBER "a number" ARRAY "ARRAY" ARROW "=>" AS "AS"
    ASC "ASC" AST_WORD "AST" ASYMMETRIC "ASYMMETRIC" A_LA "A" BEGIN "BEGIN" BERNOULLI "BERNOULLI"
    BETWEEN "BETWEEN" BETWEEN_AND "AND " BIGINT "BIGINT" BINARY "BINARY"
    BINARY_STRING "a binary string" BOOLEAN "BOOLEAN" BOTH "BOTH" BRACE_D "{d" BRACE_FN "{fn"
    BRACE_T "{t" BRACE_TS "{ts" BUCKETS "BUCKETS" BY "BY" BYTES "BYTES" CALL "CALL"
    CASCADE "CASCADE" CASE "CASE" CAST "CAST" CATALOG "CATALOG" CATALOGS "CATALOGS" CEIL "CEIL"
    CEILING "CEILING" CHANGELOG_MODE "CHANGELOG_MODE" CHAR "CHAR" CHARACTER "CHARACTER"
    CLIENT_WORD "QUIT" COLUMNS "COLUMNS" COMMENT "COMMENT" COMPILE "COMPILE" COMPUTE "COMPUTE"
    CONCAT "||" CONDITIONAL "CONDITIONAL" CONFLICT "CONFLICT" CONNECTION "CONNECTION"
    CONNECTIONS "CONNECTIONS" CONSTRAINT "CONSTRAINT" CONSTRAINTS "CONSTRAINTS" CONTAINS "CONTAINS"
    CONTINUOUS "CONTINUOUS" CONVERT "CONVERT" CREATE "CREATE" CROSS "CROSS" CUBE "CUBE"
    CURRENT "CURRENT" CURSOR "CURSOR" DATABASE "DATABASE" DATABASES "DATABASES" DATE "DATE"
    DATE_PART "DATE_TRUNC" DAY "DAY" DEC "DEC" DECIMAL "DECIMAL" DECIMAL_NUMBER "a decimal number"
    DEDUPLICATE "DEDUPLICATE" DEFAULT "DEFAULT" DEFINE "DEFINE" DELETE "DELETE" DESC "DESC"
    DESCRIBE "DESCRIBE" DISALLOW "DISALLOW" DISTINCT "DISTINCT" DISTRIBUTED "DISTRIBUTED"
    DISTRIBUTION "DISTRIBUTION" DO "DO" DOUBLE "DOUBLE" DRAIN "DRAIN" DROP "DROP" ELSE "ELSE"
    EMPTY "EMPTY" ENCODING_LA "ENCODING" END "END" ENFORCED "ENFORCED" ENTRY_EXPR "ENTRY_EXPR"
    ENTRY_QUERY "ENTRY_QUERY" ENTRY_STATEMENT "ENTRY_STATEMENT" ENTRY_TYPE "ENTRY_TYPE"
    EQUALS "EQUALS" ERROR "ERROR" ESCAPE "ESCAPE" ESTIMATED_COST "ESTIMATED_COST" EXCEPT "EXCEPT"
    EXCLUDE "EXCLUDE" EXCLUDING "EXCLUDING" EXECUTE "EXECUTE" EXISTS "EXISTS" EXPLAIN "EXPLAIN"
    EXTENDED "EXTENDED" EXTRACT "EXTRACT" FALSE "FALSE" FETCH "FETCH" FILTER "FILTER"
    FINAL_LA "FINAL" FIRST "FIRST" FLOAT "FLOAT" FLOOR "FLOOR" FOLLOWING "FOLLOWING" FOR "FOR"
    FORMAT_LA "FORMAT" FRESHNESS "FRESHNESS" FROM "FROM" FULL "FULL" FUNC "a function"
    FUNCTION "FUNCTION" FUNCTIONS "FUNCTIONS" GE ">=" GENERATED "GENERATED" GROUP "GROUP"
    GROUPING "GROUPING" GROUPING_LA "GROUPING " HASH "HASH" HAVING "HAVING" HINT_BEGIN "/*+"
    HINT_END "*/" HOUR "HOUR" IDENT "a name" IF_LA "IF" IGNORE_LA "IGNORE" ILIKE "ILIKE"
    IMMEDIATELY_LA "IMMEDIATELY" IN "IN" INCLUDING "INCLUDING" INNER "INNER" INPUT "INPUT"
    INSERT "INSERT" INT "INT" INTEGER "an integer" INTEGER_TYPE "INTEGER" INTERSECT "INTERSECT"
    INTERVAL "INTERVAL" INTO "INTO" INVALID "an invalid character" IS "IS" JAR "JAR" JARS "JARS"
    JOB "JOB" JOBS "JOBS" JOIN "JOIN" JSON "JSON" JSON_ARRAY "JSON_ARRAY"
    JSON_ARRAYAGG "JSON_ARRAYAGG" JSON_EXECUTION_PLAN "JSON_EXECUTION_PLAN"
    JSON_EXISTS "JSON_EXISTS" JSON_OBJECT "JSON_OBJECT" JSON_OBJECTAGG "JSON_OBJECTAGG"
    JSON_QUERY "JSON_QUERY" JSON_VALUE "JSON_VALUE" KEY "KEY" KEY_LA "KEY " LANGUAGE "LANGUAGE"
    LAST "LAST" LATERAL "LATERAL" LE "<=" LEADING "LEADING" LEFT "LEFT" LIKE "LIKE" LIMIT "LIMIT"
    LOAD "LOAD" LOCAL "LOCAL" MAP "MAP" MAP_LA "MAP " MATCH "MATCH"
    MATCH_RECOGNIZE "MATCH_RECOGNIZE" MATERIALIZED "MATERIALIZED" MEASURES "MEASURES"
    MEMBER "MEMBER" MERGE "MERGE" METADATA "METADATA" MINUS "MINUS" MINUTE "MINUTE" MODEL "MODEL"
    MODELS "MODELS" MODIFY "MODIFY" MODULE "MODULE" MODULES "MODULES" MONTH "MONTH"
    MULTISET "MULTISET" NATURAL "NATURAL" NE "<>" NE2 "!=" NEW "NEW" NEXT "NEXT"
    NILADIC "CURRENT_USER" NILADIC_FUNC "CURRENT_DATE" NO "NO" NOT "NOT" NOTHING "NOTHING"
    NOT_LA "NOT " NULL "NULL" NULLS "NULLS" NUMERIC "NUMERIC" OBJECT_LA "OBJECT" OF "OF"
    OFFSET "OFFSET" ON "ON" ONE "ONE" ONLY "ONLY" OPTIONS "OPTIONS" OR "OR" ORDER "ORDER"
    ORDINALITY "ORDINALITY" OTHERS "OTHERS" OUTER "OUTER" OUTPUT "OUTPUT" OVER "OVER"
    OVERLAPS "OVERLAPS" OVERLAY "OVERLAY" OVERWRITE "OVERWRITE" OVERWRITING "OVERWRITING"
    PARTIAL "PARTIAL" PARTITION "PARTITION" PARTITIONED "PARTITIONED" PARTITIONS "PARTITIONS"
    PASSING "PASSING" PAST "PAST" PATTERN "PATTERN" PER "PER" PERIOD "PERIOD" PERMUTE "PERMUTE"
    PIVOT "PIVOT" PLACING "PLACING" PLAN "PLAN" PLAN_ADVICE "PLAN_ADVICE" POSITION "POSITION"
    PRECEDES "PRECEDES" PRECEDING "PRECEDING" PRECISION "PRECISION"
    PREFIXED_STRING "a string with a prefix" PRIMARY "PRIMARY"
    PROCEDURES "PROCEDURES" QUALIFY "QUALIFY" QUARTERS "QUARTERS" RANGE "RANGE" RAW "RAW"
    RAW_TEXT "text" REAL "REAL" RECURSIVE "RECURSIVE" REFRESH "REFRESH" REFRESH_MODE "REFRESH_MODE"
    REMOVE "REMOVE" RENAME "RENAME" REPEATABLE "REPEATABLE" REPLACE "REPLACE"
    RESERVED "a reserved word" RESET "RESET" RESPECT_LA "RESPECT" RESTRICT "RESTRICT"
    RESUME "RESUME" RETURNING "RETURNING" RIGHT "RIGHT" RLIKE "RLIKE" ROLLUP "ROLLUP" ROW "ROW"
    ROWS "ROWS" RUNNING "RUNNING" SAVEPOINT "SAVEPOINT" SCALA "SCALA" SCALAR_LA "SCALAR"
    SECOND "SECOND" SELECT "SELECT" SET "SET" SETS "SETS" SHOW "SHOW" SIMILAR "SIMILAR" SKIP "SKIP"
    SMALLINT "SMALLINT" SOME "SOME" SOME_LA "SOME " SQL "SQL" STATEMENT "STATEMENT"
    STATISTICS "STATISTICS" STOP "STOP" STREAM "STREAM" STRING "a string" STRING_TYPE "STRING type"
    STRUCTURED "STRUCTURED" SUBMULTISET "SUBMULTISET" SUBSET "SUBSET" SUBSTITUTE "SUBSTITUTE"
    SUBSTRING "SUBSTRING" SUCCEEDS "SUCCEEDS" SUSPEND "SUSPEND" SYMMETRIC "SYMMETRIC"
    SYSTEM "SYSTEM" SYSTEM_TIME "SYSTEM_TIME" TABLE "TABLE" TABLES "TABLES"
    TABLESAMPLE "TABLESAMPLE" TEMPORARY "TEMPORARY" THEN "THEN" TIES "TIES" TIME "TIME"
    TIMESTAMP "TIMESTAMP" TIMESTAMPADD_LA "TIMESTAMPADD" TIMESTAMPDIFF_LA "TIMESTAMPDIFF"
    TIMESTAMP_LTZ "TIMESTAMP_LTZ" TINYINT "TINYINT" TO "TO" TRAILING "TRAILING"
    TRANSLATE "TRANSLATE" TRIM "TRIM" TRUE "TRUE" TRUNCATE "TRUNCATE" TRY_CAST "TRY_CAST"
    UESCAPE "UESCAPE" UNBOUNDED_LA "UNBOUNDED" UNCONDITIONAL "UNCONDITIONAL"
    UNICODE_STRING "a string with U&" UNION "UNION" UNIQUE "UNIQUE" UNKNOWN "UNKNOWN"
    UNLOAD "UNLOAD" UNNEST "UNNEST" UNPIVOT "UNPIVOT" UPDATE "UPDATE" UPSERT "UPSERT" USE "USE"
    USER "USER" USING "USING" VALUE "VALUE" VALUES "VALUES" VARBINARY "VARBINARY" VARCHAR "VARCHAR"
    VARYING "VARYING" VIEW "VIEW" VIEWS "VIEWS" VIRTUAL "VIRTUAL" WATERMARK "WATERMARK"
    WATERMARKS "WATERMARKS" WEEKS "WEEKS" WHEN "WHEN" WHERE "WHERE" WINDOW "WINDOW" WITH "WITH"
    WITHIN "WITHIN" WITHOUT "WITHOUT" WITHOUT_LA "WITHOUT " WITH_LA "WITH " WRAPPER "WRAPPER"
    YEAR "YEAR" ZONE "ZONE"
%type <node> statement string_head string number param number_or_param datetime special
    interval_literal interval literal expr in_list primary postfixable row_item default case_value
    else_opt niladic unit special_call trim_flag date_arg arg arg_value filter_opt json_call
    query_term simple_query values_row limit offset fetch select where_opt group_item having_opt
    qualify_opt from joins joined paren_join seed table as_of_opt match_opt repeatable_opt pattern pattern_term
    pattern_factor pattern_primary permute_list within_interval create drop alter use show
    describe explain explained set insert statement_set execute dml misc compiled freshness_opt
%type <query> query query_in_parens query_bare model_query
%type <ident> ident simple_ident
%type <name> name constraint_name target_alias window_ref
%type <type> data_type type_chain plain_type type_name returning_opt
%type <list> dotted name_list paren_names paren_names_opt ident_list expr_list expr_list_opt
    row_items whens arg_list arg_partition arg_partition_by arg_order arg_order_by within_opt
    json_common json_behaviors json_pairs_opt json_pairs json_pair values_rows with_items order_by
    order_by_opt order_list select_items group_items group_exprs window_opt window_defs
    window_partition hints_opt hints hint_options_opt hint_options measures_opt measures
    subsets_opt subsets defines fields_opt fields options option_list with_options_opt option_keys
    key_list partition_values table_columns elements partitioned_opt like_options using_opt jars
    model_input model_output add_partitions drop_partitions alter_elements alter_element_list
    inserts analyze_values date_args
%type <call> call call_base from_call
%type <window> over_opt window_def window_spec window_frame
%type <select> select_from
%type <qual> qualifier qualifier_start minus_qualifier minus_start
%type <bound> frame_bound
%type <sample> sample_opt
%type <partition> partition partition_opt analyze_partition
%type <column> column
%type <constraint> constraint column_constraint
%type <watermark> watermark
%type <distribution> distribution distributed_opt
%type <table> table_clauses table_source
%type <alter> alter_table alter_options alter_schema alter_materialized
%type <show> in_opt in_clause like_opt
%type <analyze> analyze_columns
%type <match> after_match skip_to
%type <field> field
%type <with_item> with_item
%type <order_item> order_item
%type <select_item> select_item
%type <hint> hint
%type <hint_option> hint_option
%type <measure> measure
%type <subset> subset
%type <define> define
%type <option> option
%type <partition_value> partition_value analyze_value
%type <like_option> like_option
%type <when> when
%type <args> call_args group_by_opt assignments
%type <behavior> json_behavior json_exists_behavior
%type <tail> query_tail limits
%type <with> with
%type <alias> alias_opt
%type <insert> insert_source
%type <element> element alter_element
%type <str> quoted comment_opt refresh_mode_opt refresh_mode language_opt language metadata_key
%type <num> sign_opt precision_opt integer null_opt zone_opt comp quant is_test symmetric_opt
    like_word multiset_op quant_opt null_treatment_opt json_wrapper json_nulls set_quant order_dir
    order_nulls frame_word window_exclude window_partial join_word join_type ordinality_opt
    sample_word rows_per_match caret_opt dollar_opt reluctant if_exists if_not_exists
    temporary_opt temporary_system_opt create_word virtual_opt unique_word enforcement buckets
    distribution_kind like_strategy like_feature object cascade_opt extended_opt
    explain_details explain_detail conflict_opt stop_mode show_listing insert_word
%type <tok> nonreserved interval_unit unit_word date_unit func_word

/* Lowest first. The numbers are Calcite's. */
%precedence LOWEST
%precedence IGNORE_LA RESPECT_LA TO VALUE
%left UNION EXCEPT MINUS
%left INTERSECT
%left MULTISET /* 14 */
%left OR /* 22 */
%left AND /* 24 */
%precedence NOT /* 26 */
%precedence IS FORMAT_LA /* 28 */
%left '=' NE NE2 '<' '>' LE GE OVERLAPS CONTAINS EQUALS PRECEDES SUCCEEDS IMMEDIATELY_LA MEMBER
    SUBMULTISET /* 30 */
%left IN LIKE ILIKE RLIKE SIMILAR BETWEEN NOT_LA /* 32 */
%precedence ESCAPE
%left '+' '-' /* 40 */
%left '*' '/' '%' CONCAT /* 60 */
%precedence UNARY /* 80 */
%precedence ORDER '.'
%precedence ')'

%%

entry:
    ENTRY_STATEMENT statement { c->stmt = $2; }
  | ENTRY_EXPR expr { c->expr = $2; }
  | ENTRY_QUERY query { c->query = $2; }
  | ENTRY_TYPE data_type { c->type = $2; }
  ;

statement:
    query { $$ = (struct ast *)$1; }
  | insert
  | statement_set
  | execute
  | explain
  | create
  | drop
  | alter
  | use
  | show
  | describe
  | set
  | dml
  | misc
  ;

/* ---- names --------------------------------------------------------------------------------- */

name:
    IDENT { $$ = build_name(c, $1); }
  | nonreserved { $$ = build_name(c, $1); }
  ;
dotted:
    name { $$ = ADD(NULL, struct ast_name, $1); }
  | dotted '.' name { $$ = ADD($1, struct ast_name, $3); }
  ;
ident:
    dotted %prec LOWEST { $$ = build_ident(c, @$, $1, false); }
  ;
simple_ident:
    name { $$ = build_ident(c, @$, ADD(NULL, struct ast_name, $1), false); }
  ;
name_list:
    name { $$ = ADD(NULL, struct ast_name, $1); }
  | name_list ',' name { $$ = ADD($1, struct ast_name, $3); }
  ;
paren_names: '(' name_list ')' { $$ = $2; } ;
paren_names_opt: %empty { $$ = NULL; } | paren_names ;
ident_list:
    ident { $$ = ADD_PTR(NULL, $1); }
  | ident_list ',' ident { $$ = ADD_PTR($1, $3); }
  ;

/* ---- literals ------------------------------------------------------------------------------ */

string_head:
    STRING { $$ = build_literal(c, AST_LIT_STRING, @$, $1); }
  | PREFIXED_STRING { $$ = build_literal(c, AST_LIT_STRING, @$, $1); }
  | BINARY_STRING { $$ = build_literal(c, AST_LIT_BINARY, @$, $1); }
  | UNICODE_STRING { $$ = build_unicode(c, @$, $1, NULL); }
  | UNICODE_STRING UESCAPE STRING { $$ = build_unicode(c, @$, $1, $3); }
  ;
string:
    string_head
  | string STRING { $$ = build_string_chain(c, $1, $2); }
  ;
quoted: STRING { $$ = build_string(build_literal(c, AST_LIT_STRING, @$, $1)); } ;
number:
    INTEGER { $$ = build_literal(c, AST_LIT_EXACT, @$, $1); }
  | DECIMAL_NUMBER { $$ = build_literal(c, AST_LIT_EXACT, @$, $1); }
  | APPROX_NUMBER { $$ = build_literal(c, AST_LIT_APPROX, @$, $1); }
  | DECIMAL STRING { $$ = build_decimal(c, @$, $2); }
  ;
param: '?' { $$ = build_param(c, @$); } ;
number_or_param: number | param ;
integer: INTEGER { $$ = build_int(c, $1); } ;
datetime:
    DATE STRING { $$ = build_literal(c, AST_LIT_DATE, @$, $2); }
  | TIME STRING { $$ = build_literal(c, AST_LIT_TIME, @$, $2); }
  | TIMESTAMP STRING { $$ = build_literal(c, AST_LIT_TIMESTAMP, @$, $2); }
  | TIMESTAMP WITH_LA LOCAL TIME ZONE STRING { $$ = build_literal(c, AST_LIT_TIMESTAMP_LTZ, @$, $6); }
  | BRACE_D STRING '}' { $$ = build_literal(c, AST_LIT_DATE, @$, $2); }
  | BRACE_T STRING '}' { $$ = build_literal(c, AST_LIT_TIME, @$, $2); }
  | BRACE_TS STRING '}' { $$ = build_literal(c, AST_LIT_TIMESTAMP, @$, $2); }
  ;
special:
    TRUE { $$ = build_literal(c, AST_LIT_BOOL, @$, $1); }
  | FALSE { $$ = build_literal(c, AST_LIT_BOOL, @$, $1); }
  | UNKNOWN { $$ = build_literal(c, AST_LIT_UNKNOWN, @$, $1); }
  | NULL { $$ = build_literal(c, AST_LIT_NULL, @$, $1); }
  ;
sign_opt: %empty { $$ = false; } | '+' { $$ = false; } | '-' { $$ = true; } ;
interval_literal:
    INTERVAL sign_opt STRING qualifier
        { $$ = build_interval(c, @$, $2, build_literal(c, AST_LIT_INTERVAL, @3, $3), $4); }
  ;
interval:
    interval_literal
  | INTERVAL sign_opt number qualifier_start { $$ = build_interval(c, @$, $2, $3, $4); }
  | INTERVAL sign_opt ident qualifier_start { $$ = build_interval(c, @$, $2, (struct ast *)$3, $4); }
  | INTERVAL sign_opt '(' expr ')' qualifier_start { $$ = build_interval(c, @$, $2, $4, $6); }
  ;
interval_unit:
    YEAR | MONTH | DAY | HOUR | MINUTE | QUARTERS | WEEKS | IDENT | nonreserved
  ;
precision_opt: %empty { $$ = -1; } | '(' integer ')' { $$ = $2; } ;
qualifier_start:
    interval_unit precision_opt { $$ = build_qualifier(c, @1, $1, $2, -1); }
  | SECOND { $$ = build_qualifier(c, @1, $1, -1, -1); }
  | SECOND '(' integer ')' { $$ = build_qualifier(c, @1, $1, $3, -1); }
  | SECOND '(' integer ',' integer ')' { $$ = build_qualifier(c, @1, $1, $3, $5); }
  ;
qualifier:
    qualifier_start %prec LOWEST
  | qualifier_start TO interval_unit { $$ = $1; build_qualifier_to(c, @3, &$$, $3, -1); }
  | qualifier_start TO SECOND precision_opt { $$ = $1; build_qualifier_to(c, @3, &$$, $3, $4); }
  ;
/* Of PARTITION (k = v). */
literal:
    string
  | number
  | '-' number { $$ = build_unary(c, @$, AST_OP_NEG, $2); }
  | '+' number { $$ = $2; }
  | datetime
  | special
  | interval_literal
  ;

/* ---- types --------------------------------------------------------------------------------- */

/* With NULL and NOT NULL, as columns and fields have it. */
data_type:
    type_chain null_opt { $$ = $1; $$->span = @$; build_nullable($$, $2); }
  ;
type_chain:
    type_name
  | type_chain null_opt ARRAY { build_nullable($1, $2); $$ = build_type_of(c, @$, AST_TYPE_ARRAY, NULL, $1); }
  | type_chain null_opt MULTISET { build_nullable($1, $2); $$ = build_type_of(c, @$, AST_TYPE_MULTISET, NULL, $1); }
  ;
null_opt: %empty { $$ = 0; } | NULL { $$ = 1; } | NOT NULL { $$ = 2; } ;
/* Without, as CAST has it. */
plain_type:
    type_name
  | plain_type ARRAY { $$ = build_type_of(c, @$, AST_TYPE_ARRAY, NULL, $1); }
  | plain_type MULTISET { $$ = build_type_of(c, @$, AST_TYPE_MULTISET, NULL, $1); }
  ;
type_name:
    BOOLEAN { $$ = build_type(c, @$, AST_TYPE_BOOLEAN, -1, -1); }
  | TINYINT { $$ = build_type(c, @$, AST_TYPE_TINYINT, -1, -1); }
  | SMALLINT { $$ = build_type(c, @$, AST_TYPE_SMALLINT, -1, -1); }
  | INT { $$ = build_type(c, @$, AST_TYPE_INT, -1, -1); }
  | INTEGER_TYPE { $$ = build_type(c, @$, AST_TYPE_INT, -1, -1); }
  | BIGINT { $$ = build_type(c, @$, AST_TYPE_BIGINT, -1, -1); }
  | FLOAT { $$ = build_type(c, @$, AST_TYPE_FLOAT, -1, -1); }
  | REAL { $$ = build_type(c, @$, AST_TYPE_FLOAT, -1, -1); }
  | DOUBLE { $$ = build_type(c, @$, AST_TYPE_DOUBLE, -1, -1); }
  | DOUBLE PRECISION { $$ = build_type(c, @$, AST_TYPE_DOUBLE, -1, -1); }
  | decimal_word { $$ = build_type(c, @$, AST_TYPE_DECIMAL, -1, -1); }
  | decimal_word '(' integer ')' { $$ = build_type(c, @$, AST_TYPE_DECIMAL, $3, -1); }
  | decimal_word '(' integer ',' integer ')' { $$ = build_type(c, @$, AST_TYPE_DECIMAL, $3, $5); }
  | ANY { $$ = build_type(c, @$, AST_TYPE_ANY, -1, -1); }
  | char_word precision_opt charset_opt { $$ = build_type(c, @$, AST_TYPE_CHAR, $2, -1); }
  | char_word VARYING precision_opt charset_opt { $$ = build_type(c, @$, AST_TYPE_VARCHAR, $3, -1); }
  | VARCHAR precision_opt charset_opt { $$ = build_type(c, @$, AST_TYPE_VARCHAR, $2, -1); }
  | STRING_TYPE { $$ = build_type(c, @$, AST_TYPE_STRING, -1, -1); }
  | BINARY precision_opt { $$ = build_type(c, @$, AST_TYPE_BINARY, $2, -1); }
  | BINARY VARYING precision_opt { $$ = build_type(c, @$, AST_TYPE_VARBINARY, $3, -1); }
  | VARBINARY precision_opt { $$ = build_type(c, @$, AST_TYPE_VARBINARY, $2, -1); }
  | BYTES { $$ = build_type(c, @$, AST_TYPE_BYTES, -1, -1); }
  | DATE { $$ = build_type(c, @$, AST_TYPE_DATE, -1, -1); }
  | TIME precision_opt zone_opt { $$ = build_type(c, @$, AST_TYPE_TIME, $2, -1); build_time_zone(c, $$, $3); }
  | TIMESTAMP precision_opt zone_opt { $$ = build_type(c, @$, AST_TYPE_TIMESTAMP, $2, -1); build_time_zone(c, $$, $3); }
  | TIMESTAMP_LTZ precision_opt { $$ = build_type(c, @$, AST_TYPE_TIMESTAMP_LTZ, $2, -1); }
  | INTERVAL qualifier { $$ = build_type(c, @$, AST_TYPE_INTERVAL, -1, -1); $$->qual = $2; }
  | ARRAY '<' data_type '>' { $$ = build_type_of(c, @$, AST_TYPE_ARRAY, NULL, $3); }
  | MULTISET '<' data_type '>' { $$ = build_type_of(c, @$, AST_TYPE_MULTISET, NULL, $3); }
  | MAP '<' data_type ',' data_type '>' { $$ = build_type_of(c, @$, AST_TYPE_MAP, $3, $5); }
  | ROW NE { $$ = build_type_row(c, @$, AST_TYPE_ROW, NULL, NULL); }
  | ROW '<' fields_opt '>' { $$ = build_type_row(c, @$, AST_TYPE_ROW, $3, NULL); }
  | ROW '(' fields_opt ')' { $$ = build_type_row(c, @$, AST_TYPE_ROW, $3, NULL); }
  | STRUCTURED '<' quoted '>' { $$ = build_type_row(c, @$, AST_TYPE_STRUCTURED, NULL, $3); }
  | STRUCTURED '<' quoted ',' fields_opt '>' { $$ = build_type_row(c, @$, AST_TYPE_STRUCTURED, $5, $3); }
  | RAW '(' quoted ',' quoted ')'
        { $$ = build_type(c, @$, AST_TYPE_RAW, -1, -1); $$->class_name = $3; $$->serializer = $5; }
  | NULL { $$ = build_type(c, @$, AST_TYPE_NULL, -1, -1); }
  | ident { $$ = build_type_named(c, $1); }
  ;
decimal_word: DECIMAL | DEC | NUMERIC ;
char_word: CHAR | CHARACTER ;
charset_opt:
    %empty
  | CHARACTER SET name { build_fail(c, @$, ERR_UNSUPPORTED, "CHARACTER SET of a type is not supported: strings are UTF-8"); }
  ;
zone_opt:
    %empty { $$ = false; }
  | WITHOUT_LA TIME ZONE { $$ = false; }
  | WITH_LA LOCAL TIME ZONE { $$ = true; }
  ;
fields_opt: %empty { $$ = NULL; } | fields ;
fields:
    field { $$ = ADD(NULL, struct ast_field_def, $1); }
  | fields ',' field { $$ = ADD($1, struct ast_field_def, $3); }
  ;
field:
    name data_type { $$ = build_field_def(c, $1, $2, NULL); }
  | name data_type quoted { $$ = build_field_def(c, $1, $2, $3); }
  | name data_type COMMENT quoted { $$ = build_field_def(c, $1, $2, $4); }
  ;

/* ---- expressions --------------------------------------------------------------------------- */

expr_list:
    expr { $$ = ADD_PTR(NULL, $1); }
  | expr_list ',' expr { $$ = ADD_PTR($1, $3); }
  ;
expr_list_opt: %empty { $$ = NULL; } | expr_list ;

expr:
    primary
  | expr OR expr { $$ = build_binary(c, @$, AST_OP_OR, $1, $3); }
  | expr AND expr { $$ = build_binary(c, @$, AST_OP_AND, $1, $3); }
  | NOT expr { $$ = build_unary(c, @$, AST_OP_NOT, $2); }
  | '+' expr %prec UNARY { $$ = build_unary(c, @$, AST_OP_POS, $2); }
  | '-' expr %prec UNARY { $$ = build_unary(c, @$, AST_OP_NEG, $2); }
  | expr comp expr %prec '=' { $$ = build_binary(c, @$, $2, $1, $3); }
  | expr comp quant in_list %prec IN { $$ = build_quantified(c, @$, $2, $3, $1, $4); }
  | expr IS DISTINCT FROM expr %prec '=' { $$ = build_binary(c, @$, AST_OP_IS_DISTINCT_FROM, $1, $5); }
  | expr IS NOT DISTINCT FROM expr %prec '=' { $$ = build_binary(c, @$, AST_OP_IS_NOT_DISTINCT_FROM, $1, $6); }
  | expr IS is_test %prec IS { $$ = build_unary(c, @$, $3, $1); }
  | expr IS NOT is_test %prec IS { $$ = build_unary(c, @$, build_is_not($4), $1); }
  | expr FORMAT_LA JSON json_encoding_opt { $$ = build_unary(c, @$, AST_OP_FORMAT_JSON, $1); }
  | expr '+' expr { $$ = build_binary(c, @$, AST_OP_PLUS, $1, $3); }
  | expr '-' expr { $$ = build_binary(c, @$, AST_OP_MINUS, $1, $3); }
  | expr '*' expr { $$ = build_binary(c, @$, AST_OP_MUL, $1, $3); }
  | expr '/' expr { $$ = build_binary(c, @$, AST_OP_DIV, $1, $3); }
  | expr '%' expr { $$ = build_binary(c, @$, AST_OP_MOD, $1, $3); }
  | expr CONCAT expr { $$ = build_binary(c, @$, AST_OP_CONCAT, $1, $3); }
  | expr OVERLAPS expr { $$ = build_binary(c, @$, AST_OP_OVERLAPS, $1, $3); }
  | expr CONTAINS expr { $$ = build_binary(c, @$, AST_OP_CONTAINS, $1, $3); }
  | expr EQUALS expr { $$ = build_binary(c, @$, AST_OP_PERIOD_EQUALS, $1, $3); }
  | expr PRECEDES expr { $$ = build_binary(c, @$, AST_OP_PRECEDES, $1, $3); }
  | expr SUCCEEDS expr { $$ = build_binary(c, @$, AST_OP_SUCCEEDS, $1, $3); }
  | expr IMMEDIATELY_LA PRECEDES expr { $$ = build_binary(c, @$, AST_OP_IMMEDIATELY_PRECEDES, $1, $4); }
  | expr IMMEDIATELY_LA SUCCEEDS expr { $$ = build_binary(c, @$, AST_OP_IMMEDIATELY_SUCCEEDS, $1, $4); }
  | expr MEMBER OF expr %prec MEMBER { $$ = build_binary(c, @$, AST_OP_MEMBER_OF, $1, $4); }
  | expr SUBMULTISET OF expr %prec MEMBER { $$ = build_binary(c, @$, AST_OP_SUBMULTISET_OF, $1, $4); }
  | expr NOT_LA SUBMULTISET OF expr %prec MEMBER { $$ = build_binary(c, @$, AST_OP_NOT_SUBMULTISET_OF, $1, $5); }
  | expr MULTISET multiset_op expr %prec MULTISET { $$ = build_binary(c, @$, $3, $1, $4); }
  | expr IN in_list { $$ = build_in(c, @$, false, $1, $3); }
  | expr NOT_LA IN in_list { $$ = build_in(c, @$, true, $1, $4); }
  | expr BETWEEN symmetric_opt expr BETWEEN_AND expr %prec BETWEEN
        { $$ = build_between(c, @$, false, $3, $1, $4, $6); }
  | expr NOT_LA BETWEEN symmetric_opt expr BETWEEN_AND expr %prec BETWEEN
        { $$ = build_between(c, @$, true, $4, $1, $5, $7); }
  | expr like_word expr %prec LIKE { $$ = build_like(c, @$, $2, false, $1, $3, NULL); }
  | expr like_word expr ESCAPE primary %prec LIKE { $$ = build_like(c, @$, $2, false, $1, $3, $5); }
  | expr NOT_LA like_word expr %prec LIKE { $$ = build_like(c, @$, $3, true, $1, $4, NULL); }
  | expr NOT_LA like_word expr ESCAPE primary %prec LIKE { $$ = build_like(c, @$, $3, true, $1, $4, $6); }
  ;
comp:
    '=' { $$ = AST_OP_EQ; }
  | NE { $$ = AST_OP_NE; }
  | NE2 { $$ = AST_OP_NE; build_fail(c, @$, ERR_PARSE, "Flink SQL has no '!=': write '<>'"); }
  | '<' { $$ = AST_OP_LT; }
  | LE { $$ = AST_OP_LE; }
  | '>' { $$ = AST_OP_GT; }
  | GE { $$ = AST_OP_GE; }
  ;
quant: ANY { $$ = false; } | SOME_LA { $$ = false; } | ALL { $$ = true; } ;
in_list:
    query_in_parens { $$ = (struct ast *)$1; }
  | '(' expr_list ')' { $$ = build_row(c, @$, false, $2); }
  ;
is_test:
    NULL { $$ = AST_OP_IS_NULL; }
  | TRUE { $$ = AST_OP_IS_TRUE; }
  | FALSE { $$ = AST_OP_IS_FALSE; }
  | UNKNOWN { $$ = AST_OP_IS_UNKNOWN; }
  | A_LA SET { $$ = AST_OP_IS_A_SET; }
  | EMPTY { $$ = AST_OP_IS_EMPTY; }
  | JSON %prec LOWEST { $$ = AST_OP_IS_JSON_VALUE; }
  | JSON VALUE { $$ = AST_OP_IS_JSON_VALUE; }
  | JSON OBJECT_LA { $$ = AST_OP_IS_JSON_OBJECT; }
  | JSON ARRAY { $$ = AST_OP_IS_JSON_ARRAY; }
  | JSON SCALAR_LA { $$ = AST_OP_IS_JSON_SCALAR; }
  ;
symmetric_opt: %empty { $$ = false; } | SYMMETRIC { $$ = true; } | ASYMMETRIC { $$ = false; } ;
like_word:
    LIKE { $$ = AST_LIKE_LIKE; }
  | ILIKE { $$ = AST_LIKE_ILIKE; }
  | RLIKE { $$ = AST_LIKE_RLIKE; }
  | SIMILAR TO { $$ = AST_LIKE_SIMILAR; }
  ;
multiset_op:
    UNION { $$ = AST_OP_MULTISET_UNION_ALL; }
  | UNION ALL { $$ = AST_OP_MULTISET_UNION_ALL; }
  | UNION DISTINCT { $$ = AST_OP_MULTISET_UNION; }
  | INTERSECT { $$ = AST_OP_MULTISET_INTERSECT_ALL; }
  | INTERSECT ALL { $$ = AST_OP_MULTISET_INTERSECT_ALL; }
  | INTERSECT DISTINCT { $$ = AST_OP_MULTISET_INTERSECT; }
  | EXCEPT { $$ = AST_OP_MULTISET_EXCEPT_ALL; }
  | EXCEPT ALL { $$ = AST_OP_MULTISET_EXCEPT_ALL; }
  | EXCEPT DISTINCT { $$ = AST_OP_MULTISET_EXCEPT; }
  ;

primary:
    ident { $$ = (struct ast *)$1; }
  | dotted '.' '*' { $$ = (struct ast *)build_ident(c, @$, $1, true); }
  | postfixable
  ;
/* What a field may be taken of; names carry their own dots. */
postfixable:
    string
  | number
  | param
  | datetime
  | special
  | interval
  | niladic
  | postfixable '.' name { $$ = build_field(c, @$, $1, $3); }
  | postfixable '.' name '(' call_args ')'
        {
            $$ = $1;
            build_fail(c, @3, ERR_UNSUPPORTED, "methods are not supported: call %s as a function", $3->text);
        }
  | primary '[' expr ']' { $$ = build_index(c, @$, $1, $3); }
  | query_in_parens %prec UNARY { $$ = build_subquery(c, $1); }
  | '(' expr ')' { $$ = build_parens(c, @$, $2); }
  | '(' expr ')' minus_qualifier { $$ = build_interval_minus(c, @$, $2, $4); }
  | '(' expr ',' row_items ')' { $$ = build_row(c, @$, false, build_prepend(c, $2, $4)); }
  | ROW '(' row_items ')' { $$ = build_row(c, @$, true, $3); }
  | PERIOD '(' expr ',' expr ')' { $$ = build_row(c, @$, false, ADD_PTR(ADD_PTR(NULL, $3), $5)); }
  | ARRAY '[' expr_list_opt ']' { $$ = build_collection(c, AST_ARRAY, @$, $3); }
  | ARRAY query_in_parens { $$ = build_collect(c, @$, AST_COLLECT_ARRAY, $2, NULL); }
  | ARRAY '(' expr_list_opt ')' { $$ = build_call_done(c, build_keyword_call(c, @$, $1, &(struct build_args){.args = $3})); }
  | MAP_LA '[' expr_list_opt ']' { $$ = build_collection(c, AST_MAP, @$, $3); }
  | MAP_LA query_in_parens { $$ = build_collect(c, @$, AST_COLLECT_MAP, $2, NULL); }
  | MULTISET '[' expr_list ']' { $$ = build_collect(c, @$, AST_COLLECT_MULTISET, NULL, $3); }
  | MULTISET query_in_parens { $$ = build_collect(c, @$, AST_COLLECT_MULTISET, $2, NULL); }
  | EXISTS query_in_parens { $$ = build_exists(c, @$, false, $2); }
  | UNIQUE query_in_parens { $$ = build_exists(c, @$, true, $2); }
  | CASE case_value whens else_opt END { $$ = build_case(c, @$, $2, $3, $4); }
  | CAST '(' expr AS plain_type ')' { $$ = build_cast(c, @$, false, $3, $5); }
  | TRY_CAST '(' expr AS plain_type ')' { $$ = build_cast(c, @$, true, $3, $5); }
  | special_call
  | json_call
  | call { $$ = build_call_done(c, $1); }
  ;
/* (a - b) DAY TO SECOND: only reserved words, for others may be an alias. */
minus_qualifier:
    minus_start %prec LOWEST
  | minus_start TO interval_unit { $$ = $1; build_qualifier_to(c, @3, &$$, $3, -1); }
  | minus_start TO SECOND precision_opt { $$ = $1; build_qualifier_to(c, @3, &$$, $3, $4); }
  ;
minus_start:
    date_unit precision_opt { $$ = build_qualifier(c, @1, $1, $2, -1); }
  | SECOND { $$ = build_qualifier(c, @1, $1, -1, -1); }
  | SECOND '(' integer ')' { $$ = build_qualifier(c, @1, $1, $3, -1); }
  | SECOND '(' integer ',' integer ')' { $$ = build_qualifier(c, @1, $1, $3, $5); }
  ;
row_items:
    row_item { $$ = ADD_PTR(NULL, $1); }
  | row_items ',' row_item { $$ = ADD_PTR($1, $3); }
  ;
row_item: expr | default ;
default: DEFAULT { $$ = build_done(c, build_node(c, AST_DEFAULT, @$, sizeof(struct ast_default))); } ;
case_value: %empty { $$ = NULL; } | expr ;
else_opt: %empty { $$ = NULL; } | ELSE expr { $$ = $2; } ;
whens:
    when { $$ = ADD(NULL, struct build_when, $1); }
  | whens when { $$ = ADD($1, struct build_when, $2); }
  ;
when:
    WHEN expr_list THEN expr
        { $$ = BUILD(struct build_when, .when = build_one_or_row(c, @2, $2), .then = $4); }
  ;
niladic:
    NILADIC { $$ = build_niladic(c, $1); }
  | NILADIC_FUNC { $$ = build_niladic(c, $1); }
  | USER { $$ = build_niladic(c, $1); }
  ;

/* Time units of EXTRACT, CEIL and the like. */
unit: unit_word { $$ = build_unit(c, $1); } ;
unit_word:
    YEAR | MONTH | DAY | HOUR | MINUTE | SECOND | IDENT | nonreserved
  ;

special_call:
    EXTRACT '(' unit FROM expr ')' { $$ = build_special(c, @$, AST_SYNTAX_EXTRACT, "EXTRACT", $3, $5, NULL, NULL); }
  | CEIL '(' expr ')' { $$ = build_special(c, @$, AST_SYNTAX_FUNCTION, "CEIL", $3, NULL, NULL, NULL); }
  | CEIL '(' expr TO unit ')' { $$ = build_special(c, @$, AST_SYNTAX_TO_UNIT, "CEIL", $3, $5, NULL, NULL); }
  | CEILING '(' expr ')' { $$ = build_special(c, @$, AST_SYNTAX_FUNCTION, "CEIL", $3, NULL, NULL, NULL); }
  | CEILING '(' expr TO unit ')' { $$ = build_special(c, @$, AST_SYNTAX_TO_UNIT, "CEIL", $3, $5, NULL, NULL); }
  | FLOOR '(' expr ')' { $$ = build_special(c, @$, AST_SYNTAX_FUNCTION, "FLOOR", $3, NULL, NULL, NULL); }
  | FLOOR '(' expr TO unit ')' { $$ = build_special(c, @$, AST_SYNTAX_TO_UNIT, "FLOOR", $3, $5, NULL, NULL); }
  | POSITION '(' primary IN expr ')' { $$ = build_special(c, @$, AST_SYNTAX_POSITION, "POSITION", $3, $5, NULL, NULL); }
  | POSITION '(' primary IN expr FROM expr ')' { $$ = build_special(c, @$, AST_SYNTAX_POSITION, "POSITION", $3, $5, $7, NULL); }
  | SUBSTRING '(' expr FROM expr ')' { $$ = build_special(c, @$, AST_SYNTAX_SUBSTRING, "SUBSTRING", $3, $5, NULL, NULL); }
  | SUBSTRING '(' expr FROM expr substring_for expr ')' { $$ = build_special(c, @$, AST_SYNTAX_SUBSTRING, "SUBSTRING", $3, $5, $7, NULL); }
  | SUBSTRING '(' expr ',' expr ')' { $$ = build_special(c, @$, AST_SYNTAX_FUNCTION, "SUBSTRING", $3, $5, NULL, NULL); }
  | SUBSTRING '(' expr ',' expr substring_for expr ')' { $$ = build_special(c, @$, AST_SYNTAX_FUNCTION, "SUBSTRING", $3, $5, $7, NULL); }
  | OVERLAY '(' expr PLACING expr FROM expr ')' { $$ = build_special(c, @$, AST_SYNTAX_OVERLAY, "OVERLAY", $3, $5, $7, NULL); }
  | OVERLAY '(' expr PLACING expr FROM expr FOR expr ')' { $$ = build_special(c, @$, AST_SYNTAX_OVERLAY, "OVERLAY", $3, $5, $7, $9); }
  | TRIM '(' expr ')' { $$ = build_special(c, @$, AST_SYNTAX_FUNCTION, "TRIM", $3, NULL, NULL, NULL); }
  | TRIM '(' expr FROM expr ')' { $$ = build_trim(c, @$, NULL, $3, $5); }
  | TRIM '(' trim_flag FROM expr ')' { $$ = build_trim(c, @$, $3, NULL, $5); }
  | TRIM '(' trim_flag expr ')' { $$ = build_trim(c, @$, $3, NULL, $4); }
  | TRIM '(' trim_flag expr FROM expr ')' { $$ = build_trim(c, @$, $3, $4, $6); }
  | CONVERT '(' expr USING simple_ident ')' { $$ = build_special(c, @$, AST_SYNTAX_USING, "TRANSLATE", $3, (struct ast *)$5, NULL, NULL); }
  | CONVERT '(' expr ',' simple_ident ',' simple_ident ')'
        { $$ = build_special(c, @$, AST_SYNTAX_FUNCTION, "CONVERT", $3, (struct ast *)$5, (struct ast *)$7, NULL); }
  | TRANSLATE '(' expr USING simple_ident ')' { $$ = build_special(c, @$, AST_SYNTAX_USING, "TRANSLATE", $3, (struct ast *)$5, NULL, NULL); }
  | TRANSLATE '(' expr_list ')' { $$ = build_call_done(c, build_keyword_call(c, @$, $1, &(struct build_args){.args = $3})); }
  | TIMESTAMPADD_LA '(' unit ',' expr ',' expr ')' { $$ = build_special(c, @$, AST_SYNTAX_UNIT_FIRST, "TIMESTAMPADD", $3, $5, $7, NULL); }
  | TIMESTAMPDIFF_LA '(' unit ',' expr ',' expr ')' { $$ = build_special(c, @$, AST_SYNTAX_UNIT_FIRST, "TIMESTAMPDIFF", $3, $5, $7, NULL); }
  | DATE_PART '(' date_args ')' { $$ = build_call_done(c, build_keyword_call(c, @$, $1, &(struct build_args){.args = $3})); }
  | DATE '(' call_args ')' { $$ = build_call_done(c, build_keyword_call(c, @$, $1, $3)); }
  | TIME '(' call_args ')' { $$ = build_call_done(c, build_keyword_call(c, @$, $1, $3)); }
  | TIMESTAMP '(' call_args ')' { $$ = build_call_done(c, build_keyword_call(c, @$, $1, $3)); }
  | RUNNING call { $$ = build_unary(c, @$, AST_OP_RUNNING, build_call_done(c, $2)); }
  | FINAL_LA call { $$ = build_unary(c, @$, AST_OP_FINAL, build_call_done(c, $2)); }
  | BRACE_FN call_base '}' { $2->syntax = AST_SYNTAX_JDBC; $2->base.span = @$; $$ = build_call_done(c, $2); }
  | BRACE_FN special_call '}' { $$ = $2; }
  | NEXT VALUE FOR ident { $$ = (struct ast *)$4; build_fail(c, @$, ERR_UNSUPPORTED, "sequences (NEXT VALUE FOR) are not supported"); }
  | CURRENT VALUE FOR ident { $$ = (struct ast *)$4; build_fail(c, @$, ERR_UNSUPPORTED, "sequences (CURRENT VALUE FOR) are not supported"); }
  | NEW call_base { $$ = build_call_done(c, $2); build_fail(c, @$, ERR_UNSUPPORTED, "NEW is not supported: call the constructor as a function"); }
  | CURSOR query_in_parens { $$ = build_subquery(c, $2); build_fail(c, @$, ERR_UNSUPPORTED, "CURSOR is not supported: pass TABLE t or a query in parentheses"); }
  ;
date_args:
    date_arg { $$ = ADD_PTR(NULL, $1); }
  | date_args ',' date_arg { $$ = ADD_PTR($1, $3); }
  ;
/* DATE_TRUNC(x, DAY) */
date_arg: expr | date_unit { $$ = build_unit(c, $1); } | SECOND { $$ = build_unit(c, $1); } ;
date_unit: YEAR | MONTH | DAY | HOUR | MINUTE ;
substring_for: FOR | ',' ;
trim_flag:
    BOTH { $$ = build_symbol(c, @$, "BOTH"); }
  | LEADING { $$ = build_symbol(c, @$, "LEADING"); }
  | TRAILING { $$ = build_symbol(c, @$, "TRAILING"); }
  ;

/* ---- calls --------------------------------------------------------------------------------- */

call:
    call_base null_treatment_opt within_opt filter_opt over_opt
        { $$ = build_suffix(c, @$, $1, $2, $3, $4, $5); }
  ;
call_base:
    ident '(' call_args ')' { $$ = build_call(c, @$, $1, $3); }
  | func_word '(' call_args ')' { $$ = build_keyword_call(c, @$, $1, $3); }
  ;
/* Reserved words that name functions. */
func_word:
    FUNC | CHAR | HOUR | LEFT | MINUTE | MONTH | NEXT | RIGHT | SECOND | SOME | TRUNCATE | YEAR | GROUPING
  | NILADIC_FUNC | USER
  ;
call_args:
    %empty { $$ = BUILD(struct build_args, .args = NULL); }
  | '*' { $$ = BUILD(struct build_args, .args = ADD_PTR(NULL, build_done(c, build_ident(c, @1, NULL, true)))); }
  | quant_opt arg_list null_treatment_opt order_by_opt
        { $$ = BUILD(struct build_args, .quant = (enum ast_quantifier)$1, .args = $2, .nulls = (enum ast_null_treatment)$3, .order_by = $4); }
  ;
quant_opt:
    %empty { $$ = AST_QUANT_NONE; }
  | ALL { $$ = AST_QUANT_ALL; }
  | DISTINCT { $$ = AST_QUANT_DISTINCT; }
  ;
arg_list:
    arg { $$ = ADD_PTR(NULL, $1); }
  | arg_list ',' arg { $$ = ADD_PTR($1, $3); }
  ;
arg:
    arg_value
  | name ARROW arg_value { $$ = build_named_arg(c, @$, $1, $3); }
  ;
arg_value:
    expr
  | default
  | TABLE ident arg_partition arg_order { $$ = build_table_arg(c, @$, $2, NULL, $3, $4); }
  | query_in_parens PARTITION BY arg_partition_by arg_order { $$ = build_table_arg(c, @$, NULL, $1, $4, $5); }
  | query_in_parens arg_order_by { $$ = build_table_arg(c, @$, NULL, $1, NULL, $2); }
  | MODEL ident { $$ = build_model_arg(c, @$, $2); }
  ;
arg_partition: %empty { $$ = NULL; } | PARTITION BY arg_partition_by { $$ = $3; } ;
arg_partition_by:
    simple_ident { $$ = ADD_PTR(NULL, $1); }
  | '(' ident_list ')' { $$ = $2; }
  ;
arg_order: %empty %prec LOWEST { $$ = NULL; } | arg_order_by ;
arg_order_by:
    ORDER BY ident order_dir order_nulls
        { $$ = ADD(NULL, struct ast_order_item, BUILD(struct ast_order_item, .expr = (struct ast *)$3, .desc = $4, .nulls = (enum ast_nulls)$5)); }
  | ORDER BY '(' order_list ')' { $$ = $4; }
  ;
null_treatment_opt:
    %empty %prec LOWEST { $$ = AST_NULL_TREATMENT_NONE; }
  | IGNORE_LA NULLS { $$ = AST_IGNORE_NULLS; }
  | RESPECT_LA NULLS { $$ = AST_RESPECT_NULLS; }
  ;
within_opt:
    %empty { $$ = NULL; }
  | WITHIN GROUP '(' ORDER BY order_list ')' { $$ = $6; }
  | WITHIN DISTINCT '(' expr_list ')' { $$ = NULL; build_fail(c, @$, ERR_UNSUPPORTED, "WITHIN DISTINCT is not supported"); }
  ;
filter_opt: %empty { $$ = NULL; } | FILTER '(' WHERE expr ')' { $$ = $4; } ;
over_opt:
    %empty { $$ = NULL; }
  | OVER name { $$ = BUILD_NODE(c, AST_WINDOW, @2, struct ast_window); $$->ref = $2; $$->bare = true; build_done(c, $$); }
  | OVER window_spec { $$ = $2; }
  ;

json_call:
    JSON_EXISTS '(' json_common ')' { $$ = build_json(c, @$, "JSON_EXISTS", $3, NULL, 0, NULL, 0, NULL); }
  | JSON_EXISTS '(' json_common json_exists_behavior ON ERROR ')'
        { $$ = build_json(c, @$, "JSON_EXISTS", $3, NULL, 0, ADD(NULL, struct build_behavior, $4), 0, NULL); }
  | JSON_VALUE '(' json_common returning_opt json_behaviors ')' { $$ = build_json(c, @$, "JSON_VALUE", $3, $4, 0, $5, 0, NULL); }
  | JSON_QUERY '(' json_common returning_opt json_wrapper json_behaviors ')' { $$ = build_json(c, @$, "JSON_QUERY", $3, $4, $5, $6, 0, NULL); }
  | JSON_OBJECT '(' json_pairs_opt json_nulls ')' { $$ = build_json(c, @$, "JSON_OBJECT", $3, NULL, 0, NULL, $4, NULL); }
  | JSON_OBJECTAGG '(' json_pair json_nulls ')' { $$ = build_json(c, @$, "JSON_OBJECTAGG", $3, NULL, 0, NULL, $4, NULL); }
  | JSON_ARRAY '(' expr_list_opt json_nulls ')' { $$ = build_json(c, @$, "JSON_ARRAY", $3, NULL, 0, NULL, $4, NULL); }
  | JSON_ARRAYAGG '(' expr order_by_opt json_nulls ')'
        { $$ = build_json(c, @$, "JSON_ARRAYAGG", ADD_PTR(NULL, $3), NULL, 0, NULL, $5, $4); }
  | JSON_ARRAYAGG '(' expr order_by_opt json_nulls ')' WITHIN GROUP '(' ORDER BY order_list ')'
        {
            if ($4) build_fail(c, @7, ERR_PARSE, "JSON_ARRAYAGG has two ORDER BY: keep one");
            $$ = build_json(c, @$, "JSON_ARRAYAGG", ADD_PTR(NULL, $3), NULL, 0, NULL, $5, $12);
            AST_TO(call, $$)->within_group = true;
        }
  ;
json_common:
    expr ',' expr { $$ = ADD_PTR(ADD_PTR(NULL, $1), $3); }
  | expr ',' expr PASSING json_passing { $$ = NULL; build_fail(c, @4, ERR_UNSUPPORTED, "PASSING in JSON functions is not supported"); }
  ;
json_passing: expr AS name { } | json_passing ',' expr AS name { } ;
returning_opt:
    %empty { $$ = NULL; }
  | RETURNING plain_type { $$ = $2; }
  ;
json_behaviors:
    %empty { $$ = NULL; }
  | json_behaviors json_behavior ON EMPTY { $$ = ADD($1, struct build_behavior, $2); }
  | json_behaviors json_behavior ON ERROR { $2->on_error = true; $$ = ADD($1, struct build_behavior, $2); }
  ;
json_behavior:
    ERROR { $$ = BUILD(struct build_behavior, .kind = AST_JSON_ERROR, .at = @$); }
  | NULL { $$ = BUILD(struct build_behavior, .kind = AST_JSON_NULL, .at = @$); }
  | DEFAULT expr { $$ = BUILD(struct build_behavior, .kind = AST_JSON_DEFAULT, .dflt = $2, .at = @$); }
  | EMPTY ARRAY { $$ = BUILD(struct build_behavior, .kind = AST_JSON_EMPTY_ARRAY, .at = @$); }
  | EMPTY OBJECT_LA { $$ = BUILD(struct build_behavior, .kind = AST_JSON_EMPTY_OBJECT, .at = @$); }
  ;
json_exists_behavior:
    TRUE { $$ = BUILD(struct build_behavior, .kind = AST_JSON_TRUE, .on_error = true, .at = @$); }
  | FALSE { $$ = BUILD(struct build_behavior, .kind = AST_JSON_FALSE, .on_error = true, .at = @$); }
  | UNKNOWN { $$ = BUILD(struct build_behavior, .kind = AST_JSON_UNKNOWN, .on_error = true, .at = @$); }
  | ERROR { $$ = BUILD(struct build_behavior, .kind = AST_JSON_ERROR, .on_error = true, .at = @$); }
  ;
json_wrapper:
    %empty { $$ = AST_JSON_WRAPPER_NONE; }
  | WITHOUT array_opt WRAPPER { $$ = AST_JSON_WITHOUT_ARRAY; }
  | WITH array_opt WRAPPER { $$ = AST_JSON_WITH_UNCONDITIONAL_ARRAY; }
  | WITH CONDITIONAL array_opt WRAPPER { $$ = AST_JSON_WITH_CONDITIONAL_ARRAY; }
  | WITH UNCONDITIONAL array_opt WRAPPER { $$ = AST_JSON_WITH_UNCONDITIONAL_ARRAY; }
  ;
array_opt: %empty | ARRAY ;
json_pairs_opt: %empty { $$ = NULL; } | json_pairs ;
json_pairs:
    json_pair
  | json_pairs ',' json_pair { $$ = build_concat(c, $1, $3); }
  ;
json_pair:
    expr VALUE expr { $$ = ADD_PTR(ADD_PTR(NULL, $1), $3); }
  | expr ':' expr { $$ = ADD_PTR(ADD_PTR(NULL, $1), $3); }
  | KEY_LA expr VALUE expr { $$ = ADD_PTR(ADD_PTR(NULL, $2), $4); }
  ;
json_nulls:
    %empty { $$ = AST_JSON_NULLS_NONE; }
  | NULL_LA ON NULL { $$ = AST_JSON_NULL_ON_NULL; }
  | ABSENT_LA ON NULL { $$ = AST_JSON_ABSENT_ON_NULL; }
  ;
json_encoding_opt: %empty | ENCODING_LA name ;

/* ---- queries ------------------------------------------------------------------------------- */

query:
    query_bare %prec UNARY
  | query_in_parens %prec UNARY
  ;
query_in_parens:
    '(' query_bare ')' { $$ = $2; }
  | '(' query_in_parens ')' { $$ = $2; }
  ;
query_bare:
    simple_query { $$ = build_query(c, @$, NULL, $1, NULL); }
  | query_term query_tail { $$ = build_query(c, @$, NULL, $1, $2); }
  | with query_term { $$ = build_query(c, @$, $1, $2, NULL); }
  | with query_term query_tail { $$ = build_query(c, @$, $1, $2, $3); }
  ;
query_term:
    simple_query
  | query_in_parens { $$ = build_query_body($1); }
  ;
simple_query:
    select
  | VALUES values_rows { $$ = build_values(c, @$, $2); }
  | TABLE ident { $$ = build_table_query(c, @$, $2); }
  | query_term UNION set_quant query_term { $$ = build_setop(c, @$, AST_UNION, $3, $1, $4); }
  | query_term EXCEPT set_quant query_term { $$ = build_setop(c, @$, AST_EXCEPT, $3, $1, $4); }
  | query_term MINUS set_quant query_term
        {
            $$ = build_setop(c, @$, AST_EXCEPT, $3, $1, $4);
            build_fail(c, @2, ERR_PARSE, "Flink SQL has no MINUS: write EXCEPT");
        }
  | query_term INTERSECT set_quant query_term { $$ = build_setop(c, @$, AST_INTERSECT, $3, $1, $4); }
  ;
set_quant: %empty { $$ = false; } | ALL { $$ = true; } | DISTINCT { $$ = false; } ;
values_rows:
    values_row { $$ = ADD_PTR(NULL, $1); }
  | values_rows ',' values_row { $$ = ADD_PTR($1, $3); }
  ;
values_row:
    expr
  | '(' default ')' { $$ = build_row(c, @$, false, ADD_PTR(NULL, $2)); }
  | '(' default ',' row_items ')' { $$ = build_row(c, @$, false, build_prepend(c, $2, $4)); }
  ;
with:
    WITH with_items { $$ = BUILD(struct build_with, .items = $2, .at = @$); }
  | WITH RECURSIVE with_items { $$ = BUILD(struct build_with, .items = $3, .recursive = true, .at = @$); }
  ;
with_items:
    with_item { $$ = ADD(NULL, struct ast_with_item, $1); }
  | with_items ',' with_item { $$ = ADD($1, struct ast_with_item, $3); }
  ;
with_item:
    name paren_names_opt AS query_in_parens
        { $$ = BUILD(struct ast_with_item, .name = *$1, .columns = build_names($2), .query = $4); }
  ;
query_tail:
    order_by { $$ = BUILD(struct build_tail, .order_by = $1, .at = @$); }
  | limits
  | order_by limits { $$ = $2; $$->order_by = $1; $$->at = @$; }
  ;
limits:
    limit { $$ = BUILD(struct build_tail, .limit = $1, .at = @$); }
  | limit offset { $$ = BUILD(struct build_tail, .limit = $1, .offset = $2, .at = @$); }
  | offset { $$ = BUILD(struct build_tail, .offset = $1, .at = @$); }
  | offset fetch { $$ = BUILD(struct build_tail, .limit = $2, .offset = $1, .at = @$); }
  | fetch { $$ = BUILD(struct build_tail, .limit = $1, .at = @$); }
  ;
limit: LIMIT number_or_param { $$ = $2; } | LIMIT ALL { $$ = NULL; } ;
offset: OFFSET number_or_param { $$ = $2; } | OFFSET number_or_param rows { $$ = $2; } ;
fetch: FETCH first_or_next number_or_param rows ONLY { $$ = $3; } ;
first_or_next: FIRST | NEXT ;
rows: ROW | ROWS ;
order_by: ORDER BY order_list { $$ = $3; } ;
order_by_opt: %empty { $$ = NULL; } | order_by ;
order_list:
    order_item { $$ = ADD(NULL, struct ast_order_item, $1); }
  | order_list ',' order_item { $$ = ADD($1, struct ast_order_item, $3); }
  ;
order_item:
    expr order_dir order_nulls
        { $$ = BUILD(struct ast_order_item, .expr = $1, .desc = $2, .nulls = (enum ast_nulls)$3); }
  ;
order_dir: %empty { $$ = false; } | ASC { $$ = false; } | DESC { $$ = true; } ;
order_nulls:
    %empty { $$ = AST_NULLS_DEFAULT; }
  | NULLS FIRST { $$ = AST_NULLS_FIRST; }
  | NULLS LAST { $$ = AST_NULLS_LAST; }
  ;

select:
    SELECT hints_opt stream_opt quant_opt select_items select_from
        {
            $$ = (struct ast *)$6;
            $6->base.span = @$;
            $6->hints = build_hints($2);
            $6->quant = (enum ast_quantifier)$4;
            $6->items = build_list_items($5);
            $6->n_items = build_list_n($5);
            build_done(c, $6);
        }
  ;
stream_opt:
    %empty
  | STREAM { build_fail(c, @$, ERR_UNSUPPORTED, "SELECT STREAM is not supported: leave STREAM out"); }
  ;
select_items:
    select_item { $$ = ADD(NULL, struct ast_select_item, $1); }
  | select_items ',' select_item { $$ = ADD($1, struct ast_select_item, $3); }
  ;
select_item:
    '*' { $$ = BUILD(struct ast_select_item, .expr = build_done(c, build_ident(c, @$, NULL, true))); }
  | '*' as_opt name
        {
            /* Refused by the binder, so that `* FORM t` is a syntax error at t. */
            $$ = BUILD(struct ast_select_item, .expr = build_done(c, build_ident(c, @1, NULL, true)),
                       .alias = $3);
        }
  | expr { $$ = BUILD(struct ast_select_item, .expr = $1); }
  | expr name { $$ = BUILD(struct ast_select_item, .expr = $1, .alias = $2); }
  | expr AS name { $$ = BUILD(struct ast_select_item, .expr = $1, .alias = $3); }
  ;
select_from:
    %empty { $$ = BUILD_NODE(c, AST_SELECT, @$, struct ast_select); }
  | FROM from where_opt group_by_opt having_opt window_opt qualify_opt
        {
            $$ = BUILD_NODE(c, AST_SELECT, @$, struct ast_select);
            $$->from = $2;
            $$->where = $3;
            if ($4) {
                $$->has_group_by = true;
                $$->group_quant = $4->quant;
                $$->group_by = build_ast_list($4->args);
            }
            $$->having = $5;
            $$->windows = build_list_items($6);
            $$->n_windows = build_list_n($6);
            $$->qualify = $7;
        }
  ;
where_opt: %empty { $$ = NULL; } | WHERE expr { $$ = $2; } ;
group_by_opt:
    %empty { $$ = NULL; }
  | GROUP BY quant_opt group_items
        { $$ = BUILD(struct build_args, .quant = (enum ast_quantifier)$3, .args = $4); }
  ;
group_items:
    group_item { $$ = ADD_PTR(NULL, $1); }
  | group_items ',' group_item { $$ = ADD_PTR($1, $3); }
  ;
group_item:
    expr { $$ = build_group_item(c, $1); }
  | '(' ')' { $$ = build_group(c, @$, AST_GROUP_SET, NULL); }
  | ROLLUP '(' group_exprs ')' { $$ = build_group(c, @$, AST_GROUP_ROLLUP, $3); }
  | CUBE '(' group_exprs ')' { $$ = build_group(c, @$, AST_GROUP_CUBE, $3); }
  | GROUPING_LA SETS '(' group_items ')' { $$ = build_group(c, @$, AST_GROUP_SETS, $4); }
  ;
group_exprs:
    expr { $$ = ADD_PTR(NULL, build_group_item(c, $1)); }
  | group_exprs ',' expr { $$ = ADD_PTR($1, build_group_item(c, $3)); }
  ;
having_opt: %empty { $$ = NULL; } | HAVING expr { $$ = $2; } ;
qualify_opt: %empty { $$ = NULL; } | QUALIFY expr { $$ = $2; } ;
window_opt: %empty { $$ = NULL; } | WINDOW window_defs { $$ = $2; } ;
window_defs:
    window_def { $$ = ADD_PTR(NULL, $1); }
  | window_defs ',' window_def { $$ = ADD_PTR($1, $3); }
  ;
window_def: name AS window_spec { $$ = $3; $$->name = $1; $$->base.span = @$; } ;
window_spec:
    '(' window_ref window_partition order_by_opt window_frame window_partial ')'
        {
            $$ = BUILD_NODE(c, AST_WINDOW, @$, struct ast_window);
            if ($5) {
                $$->frame = $5->frame;
                $$->frame_between = $5->frame_between;
                $$->low = $5->low;
                $$->high = $5->high;
                $$->exclude = $5->exclude;
                $$->exclude_given = $5->exclude_given;
            }
            $$->ref = $2;
            $$->partition_by = build_ast_list($3);
            $$->order_by = build_order($4);
            $$->allow_partial = $6 == 1;
            $$->disallow_partial = $6 == 2;
            build_done(c, $$);
        }
  ;
window_ref: %empty { $$ = NULL; } | name ;
window_partition: %empty { $$ = NULL; } | PARTITION BY expr_list { $$ = $3; } ;
window_frame:
    %empty { $$ = NULL; }
  | frame_word frame_bound window_exclude
        {
            $$ = BUILD(struct ast_window, .frame = (enum ast_frame)$1, .low = *$2, .high = {.kind = AST_CURRENT_ROW});
            build_exclude($$, $3);
        }
  | frame_word BETWEEN frame_bound BETWEEN_AND frame_bound window_exclude
        {
            $$ = BUILD(struct ast_window, .frame = (enum ast_frame)$1, .frame_between = true, .low = *$3, .high = *$5);
            build_exclude($$, $6);
        }
  ;
frame_word: ROWS { $$ = AST_FRAME_ROWS; } | RANGE { $$ = AST_FRAME_RANGE; } ;
frame_bound:
    CURRENT ROW { $$ = BUILD(struct ast_bound, .kind = AST_CURRENT_ROW); }
  | UNBOUNDED_LA PRECEDING { $$ = BUILD(struct ast_bound, .kind = AST_UNBOUNDED_PRECEDING); }
  | UNBOUNDED_LA FOLLOWING { $$ = BUILD(struct ast_bound, .kind = AST_UNBOUNDED_FOLLOWING); }
  | expr PRECEDING { $$ = BUILD(struct ast_bound, .kind = AST_PRECEDING, .offset = $1); }
  | expr FOLLOWING { $$ = BUILD(struct ast_bound, .kind = AST_FOLLOWING, .offset = $1); }
  ;
window_exclude:
    %empty { $$ = -1; }
  | EXCLUDE CURRENT ROW { $$ = AST_EXCLUDE_CURRENT_ROW; }
  | EXCLUDE NO OTHERS { $$ = AST_EXCLUDE_NO_OTHERS; }
  | EXCLUDE GROUP { $$ = AST_EXCLUDE_GROUP; }
  | EXCLUDE TIES { $$ = AST_EXCLUDE_TIES; }
  ;
window_partial:
    %empty { $$ = 0; }
  | ALLOW PARTIAL { $$ = 1; }
  | DISALLOW PARTIAL { $$ = 2; }
  ;

/* ---- hints --------------------------------------------------------------------------------- */

hints_opt: %empty { $$ = NULL; } | HINT_BEGIN hints HINT_END { $$ = $2; } ;
hints:
    hint { $$ = ADD(NULL, struct ast_hint, $1); }
  | hints ',' hint { $$ = ADD($1, struct ast_hint, $3); }
  ;
hint:
    name { $$ = BUILD(struct ast_hint, .name = *$1); }
  | name '(' hint_options_opt ')'
        { $$ = build_hint(c, @3, $1, $3); }
  ;
hint_options_opt: %empty { $$ = NULL; } | hint_options ;
hint_options:
    hint_option { $$ = ADD(NULL, struct ast_hint_option, $1); }
  | hint_options ',' hint_option { $$ = ADD($1, struct ast_hint_option, $3); }
  ;
hint_option:
    name { $$ = BUILD(struct ast_hint_option, .value = $1->text); }
  | quoted { $$ = BUILD(struct ast_hint_option, .value = $1, .quoted = true); }
  | number { $$ = BUILD(struct ast_hint_option, .value = build_string($1), .number = true); }
  | name '=' quoted { $$ = BUILD(struct ast_hint_option, .key = $1->text, .value = $3, .quoted = true); }
  | quoted '=' quoted { $$ = BUILD(struct ast_hint_option, .key = $1, .value = $3, .quoted = true, .key_quoted = true); }
  ;

/* ---- FROM ---------------------------------------------------------------------------------- */

from:
    joins
  | from ',' joins { $$ = build_join(c, @$, AST_JOIN_COMMA, false, $1, $3, NULL, NULL); }
  ;
joins: table | joined ;
joined:
    joins join_word table { $$ = build_join(c, @$, (enum ast_join_kind)($2 & ~JOIN_NATURAL), $2 & JOIN_NATURAL, $1, $3, NULL, NULL); }
  | joins join_word table ON expr { $$ = build_join(c, @$, (enum ast_join_kind)($2 & ~JOIN_NATURAL), $2 & JOIN_NATURAL, $1, $3, $5, NULL); }
  | joins join_word table USING paren_names { $$ = build_join(c, @$, (enum ast_join_kind)($2 & ~JOIN_NATURAL), $2 & JOIN_NATURAL, $1, $3, NULL, $5); }
  ;
join_word:
    join_type JOIN { $$ = $1; }
  | NATURAL join_type JOIN { $$ = $2 | JOIN_NATURAL; }
  ;
join_type:
    %empty { $$ = AST_JOIN_INNER; }
  | INNER { $$ = AST_JOIN_INNER; }
  | LEFT outer_opt { $$ = AST_JOIN_LEFT; }
  | RIGHT outer_opt { $$ = AST_JOIN_RIGHT; }
  | FULL outer_opt { $$ = AST_JOIN_FULL; }
  | CROSS { $$ = AST_JOIN_CROSS; }
  ;
outer_opt: %empty | OUTER ;
table:
    ident hints_opt as_of_opt match_opt alias_opt sample_opt
        { $$ = build_source(c, @$, build_table_ref(c, @$, $1, $2), $3, $4, $5, $6); }
  | from_call alias_opt sample_opt
        { $$ = build_source(c, @$, build_table_func(c, @$, $1, false, false), NULL, NULL, $2, $3); }
  | LATERAL from_call alias_opt sample_opt
        { $$ = build_source(c, @$, build_table_func(c, @$, $2, false, true), NULL, NULL, $3, $4); }
  | TABLE '(' call_base ')' alias_opt sample_opt
        { $$ = build_source(c, @$, build_table_func(c, @$, $3, true, false), NULL, NULL, $5, $6); }
  | LATERAL TABLE '(' call_base ')' alias_opt sample_opt
        { $$ = build_source(c, @$, build_table_func(c, @$, $4, true, true), NULL, NULL, $6, $7); }
  | query_in_parens match_opt alias_opt sample_opt
        { $$ = build_source(c, @$, build_derived(c, @$, $1, false), NULL, $2, $3, $4); }
  | LATERAL query_in_parens match_opt alias_opt sample_opt
        { $$ = build_source(c, @$, build_derived(c, @$, $2, true), NULL, $3, $4, $5); }
  | UNNEST in_list ordinality_opt alias_opt sample_opt
        { $$ = build_source(c, @$, build_unnest(c, @$, $2, $3), NULL, NULL, $4, $5); }
  | paren_join
  | table PIVOT { $$ = $1; build_fail(c, @2, ERR_UNSUPPORTED, "PIVOT is not supported"); }
  | table UNPIVOT { $$ = $1; build_fail(c, @2, ERR_UNSUPPORTED, "UNPIVOT is not supported"); }
  ;
paren_join:
    '(' joined ')' { $$ = $2; $$->span = @$; }
  | '(' paren_join ')' { $$ = $2; $$->span = @$; }
  ;
from_call: ident '(' call_args ')' { $$ = build_call(c, @$, $1, $3); } ;
as_of_opt: %empty { $$ = NULL; } | FOR SYSTEM_TIME AS OF expr { $$ = $5; } ;
ordinality_opt: %empty { $$ = false; } | WITH ORDINALITY { $$ = true; } ;
alias_opt:
    %empty { $$ = NULL; }
  | as_opt name paren_names_opt { $$ = BUILD(struct build_alias, .name = $2, .columns = $3); }
  ;
as_opt: %empty | AS ;
sample_opt:
    %empty { $$ = NULL; }
  | TABLESAMPLE SUBSTITUTE '(' quoted ')' { $$ = BUILD(struct ast_sample, .substitute = $4); }
  | TABLESAMPLE sample_word '(' number ')' repeatable_opt
        { $$ = BUILD(struct ast_sample, .bernoulli = $2, .percent = $4, .repeatable = $6); }
  ;
sample_word: BERNOULLI { $$ = true; } | SYSTEM { $$ = false; } ;
repeatable_opt:
    %empty { $$ = NULL; }
  | REPEATABLE '(' seed ')' { $$ = $3; }
  | REPEATABLE '(' '-' seed ')' { $$ = build_unary(c, @$, AST_OP_NEG, $4); }
  ;
seed: INTEGER { (void)build_int(c, $1); $$ = build_literal(c, AST_LIT_EXACT, @$, $1); } ;

/* ---- MATCH_RECOGNIZE ----------------------------------------------------------------------- */

match_opt:
    %empty { $$ = NULL; }
  | MATCH_RECOGNIZE '(' window_partition order_by_opt measures_opt rows_per_match after_match
        PATTERN '(' caret_opt pattern dollar_opt ')' within_interval subsets_opt DEFINE defines ')'
        {
            struct ast_match *m = BUILD_NODE(c, AST_MATCH, @$, struct ast_match);
            m->partition_by = build_ast_list($3);
            m->order_by = build_order($4);
            m->measures = build_list_items($5);
            m->n_measures = build_list_n($5);
            m->rows = (enum ast_rows_per_match)$6;
            if ($7) {
                m->after = $7->after;
                m->after_var = $7->after_var;
            }
            m->anchor_start = $10;
            m->pattern = AST_TO(pattern, $11);
            m->anchor_end = $12;
            m->within = $14;
            m->subsets = build_list_items($15);
            m->n_subsets = build_list_n($15);
            m->defines = build_list_items($17);
            m->n_defines = build_list_n($17);
            $$ = build_done(c, m);
        }
  ;
measures_opt: %empty { $$ = NULL; } | MEASURES measures { $$ = $2; } ;
measures:
    measure { $$ = ADD(NULL, struct ast_measure, $1); }
  | measures ',' measure { $$ = ADD($1, struct ast_measure, $3); }
  ;
measure: expr AS name { $$ = BUILD(struct ast_measure, .expr = $1, .alias = *$3); } ;
rows_per_match:
    %empty { $$ = AST_ROWS_DEFAULT; }
  | ONE ROW PER MATCH { $$ = AST_ONE_ROW; }
  | ALL ROWS PER MATCH { $$ = AST_ALL_ROWS; }
  ;
after_match:
    %empty { $$ = NULL; }
  | AFTER MATCH SKIP skip_to { $$ = $4; }
  ;
skip_to:
    TO NEXT ROW { $$ = BUILD(struct ast_match, .after = AST_AFTER_NEXT_ROW); }
  | PAST LAST ROW { $$ = BUILD(struct ast_match, .after = AST_AFTER_PAST_LAST_ROW); }
  | TO FIRST name { $$ = BUILD(struct ast_match, .after = AST_AFTER_FIRST, .after_var = *$3); }
  | TO LAST name { $$ = BUILD(struct ast_match, .after = AST_AFTER_LAST, .after_var = *$3); }
  | TO name { $$ = BUILD(struct ast_match, .after = AST_AFTER_LAST, .after_var = *$2); }
  ;
caret_opt: %empty { $$ = false; } | '^' { $$ = true; } ;
dollar_opt: %empty { $$ = false; } | '$' { $$ = true; } ;
pattern:
    pattern_term
  | pattern '|' pattern_term { $$ = build_pattern(c, @$, AST_PATTERN_ALTER, $1, $3); }
  ;
pattern_term:
    pattern_factor
  | pattern_term pattern_factor { $$ = build_pattern(c, @$, AST_PATTERN_CONCAT, $1, $2); }
  ;
pattern_factor:
    pattern_primary
  | pattern_primary '*' reluctant { $$ = build_repeat(c, @$, $1, 0, -1, $3); }
  | pattern_primary '+' reluctant { $$ = build_repeat(c, @$, $1, 1, -1, $3); }
  | pattern_primary '?' reluctant { $$ = build_repeat(c, @$, $1, 0, 1, $3); }
  | pattern_primary '{' integer '}' reluctant { $$ = build_repeat(c, @$, $1, $3, $3, $5); }
  | pattern_primary '{' integer ',' '}' reluctant { $$ = build_repeat(c, @$, $1, $3, -1, $6); }
  | pattern_primary '{' integer ',' integer '}' reluctant { $$ = build_repeat(c, @$, $1, $3, $5, $7); }
  | pattern_primary '{' ',' integer '}' reluctant { $$ = build_repeat(c, @$, $1, 0, $4, $6); }
  ;
reluctant: %empty { $$ = false; } | '?' { $$ = true; } ;
pattern_primary:
    name
        {
            struct ast_pattern *p = BUILD_NODE(c, AST_PATTERN, @$, struct ast_pattern);
            p->name = *$1;
            $$ = build_done(c, p);
        }
  | '(' pattern ')' { $$ = $2; AST_TO(pattern, $$)->open = false; }
  | BRACE_MINUS pattern '-' '}' { $$ = build_pattern(c, @$, AST_PATTERN_EXCLUDE, $2, NULL); }
  | PERMUTE '(' permute_list ')' { $$ = $3; $$->span = @$; }
  ;
permute_list:
    pattern { $$ = build_pattern(c, @$, AST_PATTERN_PERMUTE, $1, NULL); }
  | permute_list ',' pattern { $$ = build_pattern(c, @$, AST_PATTERN_PERMUTE, $1, $3); }
  ;
within_interval: %empty { $$ = NULL; } | WITHIN interval_literal { $$ = $2; } ;
subsets_opt: %empty { $$ = NULL; } | SUBSET subsets { $$ = $2; } ;
subsets:
    subset { $$ = ADD(NULL, struct ast_subset, $1); }
  | subsets ',' subset { $$ = ADD($1, struct ast_subset, $3); }
  ;
subset: name '=' paren_names { $$ = BUILD(struct ast_subset, .name = *$1, .vars = build_names($3)); } ;
defines:
    define { $$ = ADD(NULL, struct ast_define, $1); }
  | defines ',' define { $$ = ADD($1, struct ast_define, $3); }
  ;
define: name AS expr { $$ = BUILD(struct ast_define, .name = *$1, .condition = $3); } ;

/* ---- parts of statements ------------------------------------------------------------------- */

if_exists: %empty { $$ = false; } | IF_LA EXISTS { $$ = true; } ;
if_not_exists: %empty { $$ = false; } | IF_LA NOT EXISTS { $$ = true; } ;
temporary_opt: %empty { $$ = 0; } | TEMPORARY { $$ = 1; } ;
/* bit 0: TEMPORARY, bit 1: SYSTEM */
temporary_system_opt:
    temporary_opt
  | TEMPORARY SYSTEM { $$ = 3; }
  | SYSTEM { $$ = 2; build_fail(c, @$, ERR_PARSE, "SYSTEM needs TEMPORARY in front of it"); }
  ;
comment_opt: %empty { $$ = NULL; } | COMMENT quoted { $$ = $2; } ;
options:
    '(' ')' { $$ = build_list_new(c); }
  | '(' option_list ')' { $$ = $2; }
  ;
option_list:
    option { $$ = ADD(NULL, struct ast_option, $1); }
  | option_list ',' option { $$ = ADD($1, struct ast_option, $3); }
  ;
option:
    string '=' string
        { $$ = BUILD(struct ast_option, .key = build_string($1), .value = build_string($3), .span = @1, .value_span = @3); }
  ;
with_options_opt: %empty { $$ = NULL; } | WITH options { $$ = $2; } ;
option_keys:
    '(' ')' { $$ = NULL; }
  | '(' key_list ')' { $$ = $2; }
  ;
key_list:
    quoted { $$ = ADD_PTR(NULL, $1); }
  | key_list ',' quoted { $$ = ADD_PTR($1, $3); }
  ;
partition:
    PARTITION '(' partition_values ')'
        { $$ = BUILD(struct ast_partition, .items = build_list_items($3), .n = build_list_n($3)); }
  ;
partition_values:
    partition_value { $$ = ADD(NULL, struct ast_partition_value, $1); }
  | partition_values ',' partition_value { $$ = ADD($1, struct ast_partition_value, $3); }
  ;
partition_value: name '=' literal { $$ = BUILD(struct ast_partition_value, .name = *$1, .value = $3); } ;
partition_opt: %empty { $$ = NULL; } | partition ;

/* ---- CREATE -------------------------------------------------------------------------------- */

create:
    create_word temporary_opt TABLE if_not_exists ident table_columns table_clauses table_source
        {
            struct ast_create_table *t = $7;
            t->mode = (enum ast_create_mode)$1;
            t->temporary = $2;
            t->if_not_exists = $4;
            t->name = $5;
            if ($8) {
                t->like = $8->like;
                t->like_options = $8->like_options;
                t->n_like_options = $8->n_like_options;
                t->as_query = $8->as_query;
            }
            $$ = build_create_table(c, @$, t, $6);
        }
  | create_word temporary_opt MATERIALIZED TABLE if_not_exists ident table_columns table_clauses freshness_opt
        refresh_mode_opt AS query
        {
            struct ast_create_table *t = $8;
            if ($2) build_fail(c, @2, ERR_PARSE, "a materialized table cannot be TEMPORARY");
            if ($1 == AST_CREATE_OR_REPLACE || $1 == AST_REPLACE)
                build_fail(c, @1, ERR_PARSE, "a materialized table cannot be replaced: use CREATE OR ALTER");
            t->mode = (enum ast_create_mode)$1;
            t->materialized = true;
            t->if_not_exists = $5;
            t->name = $6;
            t->freshness = $9;
            t->refresh_mode = $10;
            t->as_query = $12;
            $$ = build_create_table(c, @$, t, $7);
        }
  | create_word temporary_opt VIEW if_not_exists ident paren_names_opt comment_opt AS query
        {
            struct ast_create_view *v = BUILD_NODE(c, AST_CREATE_VIEW, @$, struct ast_create_view);
            v->mode = (enum ast_create_mode)$1;
            v->temporary = $2;
            v->if_not_exists = $4;
            v->name = $5;
            v->columns = build_names($6);
            v->comment = $7;
            v->query = $9;
            $$ = build_done(c, v);
        }
  | create_word temporary_system_opt FUNCTION if_not_exists ident AS quoted language_opt using_opt
        with_options_opt
        {
            struct ast_create_function *f = BUILD_NODE(c, AST_CREATE_FUNCTION, @$, struct ast_create_function);
            f->temporary = $2 & 1;
            f->system = $2 & 2;
            f->if_not_exists = $4;
            f->name = $5;
            f->class_name = $7;
            f->language = $8;
            f->jars = build_list_items($9);
            f->n_jars = build_list_n($9);
            f->options = build_option_list($10);
            $$ = build_function(c, f);
        }
  | create_word CATALOG if_not_exists simple_ident comment_opt with_options_opt
        {
            struct ast_create_catalog *k = BUILD_NODE(c, AST_CREATE_CATALOG, @$, struct ast_create_catalog);
            k->if_not_exists = $3;
            k->name = $4;
            k->comment = $5;
            k->options = build_option_list($6);
            $$ = build_done(c, k);
        }
  | create_word DATABASE if_not_exists ident comment_opt with_options_opt
        {
            struct ast_create_database *d = BUILD_NODE(c, AST_CREATE_DATABASE, @$, struct ast_create_database);
            d->if_not_exists = $3;
            d->name = $4;
            d->comment = $5;
            d->options = build_option_list($6);
            $$ = build_done(c, d);
        }
  | create_word temporary_opt MODEL if_not_exists ident model_input model_output comment_opt
        with_options_opt model_query
        {
            struct ast_create_model *m = BUILD_NODE(c, AST_CREATE_MODEL, @$, struct ast_create_model);
            m->temporary = $2;
            m->if_not_exists = $4;
            m->name = $5;
            m->has_input = $6;
            m->has_output = $7;
            build_elements(c, @6, $6, false, &m->input);
            build_elements(c, @7, $7, false, &m->output);
            m->comment = $8;
            m->options = build_option_list($9);
            m->as_query = $10;
            $$ = build_done(c, m);
        }
  | create_word temporary_system_opt CONNECTION if_not_exists ident comment_opt WITH options
        {
            struct ast_create_connection *k = BUILD_NODE(c, AST_CREATE_CONNECTION, @$, struct ast_create_connection);
            k->temporary = $2 & 1;
            k->system = $2 & 2;
            k->if_not_exists = $4;
            k->name = $5;
            k->comment = $6;
            k->options = build_option_list($8);
            $$ = build_done(c, k);
        }
  ;
create_word:
    CREATE { $$ = AST_CREATE; }
  | CREATE OR ALTER { $$ = AST_CREATE_OR_ALTER; }
  | CREATE OR REPLACE { $$ = AST_CREATE_OR_REPLACE; }
  | REPLACE { $$ = AST_REPLACE; }
  ;
table_columns: %empty { $$ = NULL; } | '(' elements ')' { $$ = $2; } ;
elements:
    element { $$ = ADD(NULL, struct build_element, $1); }
  | elements ',' element { $$ = ADD($1, struct build_element, $3); }
  ;
element:
    column { $$ = BUILD(struct build_element, .column = $1); }
  | constraint { $$ = BUILD(struct build_element, .constraint = $1); }
  | watermark { $$ = BUILD(struct build_element, .watermark = $1); }
  | ident { $$ = BUILD(struct build_element, .bare = $1); }
  ;
column:
    ident data_type column_constraint comment_opt
        {
            $$ = build_column_def(c, @$, $1, AST_COLUMN_PHYSICAL, $2, NULL);
            $$->constraint = $3;
            $$->primary_key = $3 && !$3->unique;
            $$->comment = $4;
        }
  | ident data_type METADATA metadata_key virtual_opt comment_opt
        {
            $$ = build_column_def(c, @$, $1, AST_COLUMN_METADATA, $2, NULL);
            $$->metadata_key = $4;
            $$->is_virtual = $5;
            $$->comment = $6;
        }
  | ident AS expr comment_opt
        {
            $$ = build_column_def(c, @$, $1, AST_COLUMN_COMPUTED, NULL, $3);
            $$->comment = $4;
        }
  ;
metadata_key: %empty { $$ = NULL; } | FROM string { $$ = build_string($2); } ;
virtual_opt: %empty { $$ = false; } | VIRTUAL { $$ = true; } ;
column_constraint:
    %empty { $$ = NULL; }
  | constraint_name unique_word enforcement { $$ = build_constraint(c, @$, $1, $2, NULL, $3); }
  ;
constraint:
    constraint_name unique_word paren_names enforcement { $$ = build_constraint(c, @$, $1, $2, $3, $4); }
  ;
constraint_name: %empty { $$ = NULL; } | CONSTRAINT name { $$ = $2; } ;
unique_word: PRIMARY KEY { $$ = false; } | UNIQUE { $$ = true; } ;
enforcement:
    %empty { $$ = AST_ENFORCEMENT_DEFAULT; }
  | ENFORCED { $$ = AST_ENFORCED; }
  | NOT ENFORCED { $$ = AST_NOT_ENFORCED; }
  ;
watermark:
    WATERMARK FOR ident AS expr
        { $$ = BUILD(struct ast_watermark, .column = $3, .expr = $5, .span = @$); }
  ;
table_clauses:
    comment_opt distributed_opt partitioned_opt with_options_opt
        {
            $$ = BUILD_NODE(c, AST_CREATE_TABLE, @$, struct ast_create_table);
            $$->comment = $1;
            $$->distribution = *$2;
            $$->partitioned_by = build_names($3);
            $$->options = build_option_list($4);
        }
  ;
distributed_opt:
    %empty { $$ = BUILD(struct ast_distribution, .buckets = -1); }
  | DISTRIBUTED distribution { $$ = $2; }
  ;
distribution:
    buckets { $$ = BUILD(struct ast_distribution, .kind = AST_DISTRIBUTED_INTO, .buckets = $1); }
  | BY distribution_kind paren_names
        { $$ = BUILD(struct ast_distribution, .kind = (enum ast_distribution_kind)$2, .columns = build_names($3), .buckets = -1); }
  | BY distribution_kind paren_names buckets
        { $$ = BUILD(struct ast_distribution, .kind = (enum ast_distribution_kind)$2, .columns = build_names($3), .buckets = $4); }
  ;
buckets: INTO integer BUCKETS { $$ = $2; } ;
distribution_kind:
    %empty { $$ = AST_DISTRIBUTED_BY; }
  | HASH { $$ = AST_DISTRIBUTED_HASH; }
  | RANGE { $$ = AST_DISTRIBUTED_RANGE; }
  ;
partitioned_opt: %empty { $$ = NULL; } | PARTITIONED BY paren_names { $$ = $3; } ;
table_source:
    %empty { $$ = NULL; }
  | LIKE ident
        { $$ = BUILD(struct ast_create_table, .like = $2); }
  | LIKE ident '(' like_options ')'
        { $$ = BUILD(struct ast_create_table, .like = $2, .like_options = build_list_items($4), .n_like_options = build_list_n($4)); }
  | AS query { $$ = BUILD(struct ast_create_table, .as_query = $2); }
  ;
like_options:
    like_option { $$ = ADD(NULL, struct ast_like_option, $1); }
  | like_options like_option { $$ = ADD($1, struct ast_like_option, $2); }
  ;
like_option:
    like_strategy like_feature
        { $$ = BUILD(struct ast_like_option, .strategy = (enum ast_like_strategy)$1, .feature = (enum ast_like_feature)$2); }
  ;
like_strategy:
    INCLUDING { $$ = AST_INCLUDING; }
  | EXCLUDING { $$ = AST_EXCLUDING; }
  | OVERWRITING { $$ = AST_OVERWRITING; }
  ;
like_feature:
    ALL { $$ = AST_FEATURE_ALL; }
  | CONSTRAINTS { $$ = AST_FEATURE_CONSTRAINTS; }
  | DISTRIBUTION { $$ = AST_FEATURE_DISTRIBUTION; }
  | GENERATED { $$ = AST_FEATURE_GENERATED; }
  | METADATA { $$ = AST_FEATURE_METADATA; }
  | OPTIONS { $$ = AST_FEATURE_OPTIONS; }
  | PARTITIONS { $$ = AST_FEATURE_PARTITIONS; }
  | WATERMARKS { $$ = AST_FEATURE_WATERMARKS; }
  ;
freshness_opt: %empty { $$ = NULL; } | FRESHNESS '=' interval_literal { $$ = $3; } ;
refresh_mode_opt: %empty { $$ = NULL; } | REFRESH_MODE '=' refresh_mode { $$ = $3; } ;
refresh_mode: FULL { $$ = "FULL"; } | CONTINUOUS { $$ = "CONTINUOUS"; } ;
language_opt: %empty { $$ = NULL; } | LANGUAGE language { $$ = $2; } ;
language: name { $$ = $1->text; } | SQL { $$ = "SQL"; } | SCALA { $$ = "SCALA"; } ;
using_opt: %empty { $$ = NULL; } | USING jars { $$ = $2; } ;
jars:
    JAR quoted { $$ = ADD_PTR(NULL, $2); }
  | jars ',' JAR quoted { $$ = ADD_PTR($1, $4); }
  ;
model_input: %empty { $$ = NULL; } | INPUT '(' elements ')' { $$ = $3; } ;
model_output: %empty { $$ = NULL; } | OUTPUT '(' elements ')' { $$ = $3; } ;
model_query: %empty { $$ = NULL; } | AS query { $$ = $2; } ;

/* ---- DROP, ALTER --------------------------------------------------------------------------- */

drop:
    DROP temporary_system_opt object if_exists ident cascade_opt
        {
            struct ast_drop *d = BUILD_NODE(c, AST_DROP, @$, struct ast_drop);
            d->object = (enum ast_object)$3;
            d->temporary = $2 & 1;
            d->system = $2 & 2;
            d->if_exists = $4;
            d->name = $5;
            d->cascade = $6 == 2;
            d->restrict_given = $6 == 1;
            if ($6 && d->object != AST_OBJECT_DATABASE)
                build_fail(c, @6, ERR_PARSE, "only DROP DATABASE takes RESTRICT or CASCADE");
            if ($2 && d->object == AST_OBJECT_MATERIALIZED_TABLE)
                build_fail(c, @2, ERR_PARSE, "a materialized table cannot be TEMPORARY");
            $$ = build_done(c, d);
        }
  ;
object:
    TABLE { $$ = AST_OBJECT_TABLE; }
  | MATERIALIZED TABLE { $$ = AST_OBJECT_MATERIALIZED_TABLE; }
  | VIEW { $$ = AST_OBJECT_VIEW; }
  | FUNCTION { $$ = AST_OBJECT_FUNCTION; }
  | CATALOG { $$ = AST_OBJECT_CATALOG; }
  | DATABASE { $$ = AST_OBJECT_DATABASE; }
  | MODEL { $$ = AST_OBJECT_MODEL; }
  | CONNECTION { $$ = AST_OBJECT_CONNECTION; }
  ;
cascade_opt: %empty { $$ = 0; } | RESTRICT { $$ = 1; } | CASCADE { $$ = 2; } ;

alter:
    ALTER TABLE if_exists ident alter_table
        { $$ = build_alter_done(c, @$, $5, AST_OBJECT_TABLE, $3, $4); }
  | ALTER MATERIALIZED TABLE ident alter_materialized
        { $$ = build_alter_done(c, @$, $5, AST_OBJECT_MATERIALIZED_TABLE, false, $4); }
  | ALTER VIEW ident RENAME TO ident
        { $$ = build_alter_done(c, @$, ALTER_OP(RENAME, ->new_name = $6), AST_OBJECT_VIEW, false, $3); }
  | ALTER VIEW ident AS query
        { $$ = build_alter_done(c, @$, ALTER_OP(AS, ->query = $5), AST_OBJECT_VIEW, false, $3); }
  | ALTER temporary_system_opt FUNCTION if_exists ident AS quoted language_opt
        {
            struct ast_alter *a = ALTER_OP(FUNCTION, ->class_name = $7);
            a->language = $8;
            a->temporary = $2 & 1;
            a->system = $2 & 2;
            $$ = build_alter_done(c, @$, a, AST_OBJECT_FUNCTION, $4, $5);
        }
  | ALTER CATALOG simple_ident alter_options { $$ = build_alter_done(c, @$, $4, AST_OBJECT_CATALOG, false, $3); }
  | ALTER CATALOG simple_ident COMMENT quoted
        { $$ = build_alter_done(c, @$, ALTER_OP(COMMENT, ->comment = $5), AST_OBJECT_CATALOG, false, $3); }
  | ALTER DATABASE ident SET options
        { $$ = build_alter_done(c, @$, ALTER_OP(SET, ->options = build_option_list($5)), AST_OBJECT_DATABASE, false, $3); }
  | ALTER MODEL if_exists ident alter_options { $$ = build_alter_done(c, @$, $5, AST_OBJECT_MODEL, $3, $4); }
  | ALTER MODEL if_exists ident RENAME TO ident
        { $$ = build_alter_done(c, @$, ALTER_OP(RENAME, ->new_name = $7), AST_OBJECT_MODEL, $3, $4); }
  | ALTER CONNECTION if_exists ident alter_options { $$ = build_alter_done(c, @$, $5, AST_OBJECT_CONNECTION, $3, $4); }
  | ALTER CONNECTION if_exists ident RENAME TO ident
        { $$ = build_alter_done(c, @$, ALTER_OP(RENAME, ->new_name = $7), AST_OBJECT_CONNECTION, $3, $4); }
  ;
alter_options:
    SET options { $$ = ALTER_OP(SET, ->options = build_option_list($2)); }
  | RESET option_keys
        { $$ = ALTER_OP(RESET, ->keys = build_list_items($2)); $$->n_keys = build_list_n($2); }
  ;
alter_table:
    RENAME TO ident { $$ = ALTER_OP(RENAME, ->new_name = $3); }
  | RENAME ident TO ident { $$ = ALTER_OP(RENAME_COLUMN, ->column = $2); $$->new_name = $4; }
  | alter_options
  | alter_schema
  | ADD if_not_exists add_partitions
        {
            $$ = ALTER_OP(ADD_PARTITIONS, ->partitions = build_list_items($3));
            $$->n_partitions = build_list_n($3);
            $$->if_not_exists = $2;
        }
  | DROP if_exists drop_partitions
        {
            $$ = ALTER_OP(DROP_PARTITIONS, ->partitions = build_list_items($3));
            $$->n_partitions = build_list_n($3);
            $$->partition_if_exists = $2;
        }
  ;
add_partitions:
    partition with_options_opt { $1->options = build_option_list($2); $$ = ADD(NULL, struct ast_partition, $1); }
  | add_partitions partition with_options_opt { $2->options = build_option_list($3); $$ = ADD($1, struct ast_partition, $2); }
  ;
drop_partitions:
    partition { $$ = ADD(NULL, struct ast_partition, $1); }
  | drop_partitions ',' partition { $$ = ADD($1, struct ast_partition, $3); }
  ;
alter_schema:
    ADD alter_elements { $$ = ALTER_OP(ADD, ->parenthesised = $2->in_parens); build_elements(c, @2, $2, false, &$$->schema); }
  | MODIFY alter_elements { $$ = ALTER_OP(MODIFY, ->parenthesised = $2->in_parens); build_elements(c, @2, $2, false, &$$->schema); }
  | ADD DISTRIBUTION distribution { $$ = ALTER_OP(ADD_DISTRIBUTION, ->distribution = *$3); }
  | MODIFY DISTRIBUTION distribution { $$ = ALTER_OP(MODIFY_DISTRIBUTION, ->distribution = *$3); }
  | DROP ident { $$ = ALTER_OP(DROP_COLUMNS, ->columns = build_list_items(ADD_PTR(NULL, $2))); $$->n_columns = 1; }
  | DROP '(' ident_list ')'
        {
            $$ = ALTER_OP(DROP_COLUMNS, ->columns = build_list_items($3));
            $$->n_columns = build_list_n($3);
            $$->parenthesised = true;
        }
  | DROP PRIMARY KEY { $$ = ALTER_OP(DROP_PRIMARY_KEY, ->parenthesised = false); }
  | DROP CONSTRAINT simple_ident { $$ = ALTER_OP(DROP_CONSTRAINT, ->column = $3); }
  | DROP DISTRIBUTION { $$ = ALTER_OP(DROP_DISTRIBUTION, ->parenthesised = false); }
  | DROP WATERMARK { $$ = ALTER_OP(DROP_WATERMARK, ->parenthesised = false); }
  ;
alter_elements:
    alter_element { $$ = ADD(NULL, struct build_element, $1); }
  | '(' alter_element_list ')' { $$ = $2; $$->in_parens = true; }
  ;
alter_element_list:
    alter_element { $$ = ADD(NULL, struct build_element, $1); }
  | alter_element_list ',' alter_element { $$ = ADD($1, struct build_element, $3); }
  ;
alter_element:
    column { $$ = BUILD(struct build_element, .column = $1); }
  | column FIRST { $1->place = AST_PLACE_FIRST; $$ = BUILD(struct build_element, .column = $1); }
  | column AFTER ident
        { $1->place = AST_PLACE_AFTER; $1->after = $3; $$ = BUILD(struct build_element, .column = $1); }
  | constraint { $$ = BUILD(struct build_element, .constraint = $1); }
  | watermark { $$ = BUILD(struct build_element, .watermark = $1); }
  ;
alter_materialized:
    SUSPEND { $$ = ALTER_OP(SUSPEND, ->parenthesised = false); }
  | RESUME with_options_opt { $$ = ALTER_OP(RESUME, ->options = build_option_list($2)); }
  | REFRESH partition_opt { $$ = ALTER_OP(REFRESH, ->partitions = $2); $$->n_partitions = $2 ? 1 : 0; }
  | SET FRESHNESS '=' interval_literal { $$ = ALTER_OP(FRESHNESS, ->freshness = $4); }
  | SET REFRESH_MODE '=' refresh_mode { $$ = ALTER_OP(REFRESH_MODE, ->refresh_mode = $4); }
  | alter_options
  | AS query { $$ = ALTER_OP(AS, ->query = $2); }
  | alter_schema
  ;

/* ---- USE, SHOW, DESCRIBE, EXPLAIN, SET ----------------------------------------------------- */

use:
    USE ident { $$ = build_use(c, @$, AST_USE_DATABASE, $2, NULL); }
  | USE CATALOG simple_ident { $$ = build_use(c, @$, AST_USE_CATALOG, $3, NULL); }
  | USE MODULES name_list { $$ = build_use(c, @$, AST_USE_MODULES, NULL, $3); }
  ;
show:
    SHOW CATALOGS like_opt { $$ = build_show(c, @$, AST_SHOW_CATALOGS, NULL, $3); }
  | SHOW CURRENT CATALOG { $$ = build_show(c, @$, AST_SHOW_CURRENT_CATALOG, NULL, NULL); }
  | SHOW CURRENT DATABASE { $$ = build_show(c, @$, AST_SHOW_CURRENT_DATABASE, NULL, NULL); }
  | SHOW show_listing in_opt like_opt { $$ = build_show(c, @$, (enum ast_show_kind)$2, $3, $4); }
  | SHOW COLUMNS in_clause like_opt { $$ = build_show(c, @$, AST_SHOW_COLUMNS, $3, $4); }
  | SHOW MODULES { $$ = build_show(c, @$, AST_SHOW_MODULES, NULL, NULL); }
  | SHOW FULL MODULES { $$ = build_show(c, @$, AST_SHOW_FULL_MODULES, NULL, NULL); }
  | SHOW JARS { $$ = build_show(c, @$, AST_SHOW_JARS, NULL, NULL); }
  | SHOW JOBS { $$ = build_show(c, @$, AST_SHOW_JOBS, NULL, NULL); }
  | SHOW PARTITIONS ident partition_opt
        {
            $$ = build_show(c, @$, AST_SHOW_PARTITIONS, BUILD(struct ast_show, .name = $3), NULL);
            AST_TO(show, $$)->partition = $4;
        }
  | SHOW CREATE object ident
        {
            $$ = build_show(c, @$, AST_SHOW_CREATE, BUILD(struct ast_show, .name = $4), NULL);
            AST_TO(show, $$)->object = (enum ast_object)$3;
            if ($3 == AST_OBJECT_FUNCTION || $3 == AST_OBJECT_DATABASE)
                build_fail(c, @3, ERR_PARSE, "SHOW CREATE works for TABLE, MATERIALIZED TABLE, VIEW, CATALOG, MODEL and CONNECTION");
        }
  ;
show_listing:
    DATABASES { $$ = AST_SHOW_DATABASES; }
  | TABLES { $$ = AST_SHOW_TABLES; }
  | MATERIALIZED TABLES { $$ = AST_SHOW_MATERIALIZED_TABLES; }
  | VIEWS { $$ = AST_SHOW_VIEWS; }
  | FUNCTIONS { $$ = AST_SHOW_FUNCTIONS; }
  | USER FUNCTIONS { $$ = AST_SHOW_USER_FUNCTIONS; }
  | PROCEDURES { $$ = AST_SHOW_PROCEDURES; }
  | MODELS { $$ = AST_SHOW_MODELS; }
  | CONNECTIONS { $$ = AST_SHOW_CONNECTIONS; }
  ;
in_opt: %empty { $$ = NULL; } | in_clause ;
in_clause:
    FROM ident { $$ = BUILD(struct ast_show, .name = $2); }
  | IN ident { $$ = BUILD(struct ast_show, .name = $2, .prep_in = true); }
  ;
like_opt:
    %empty { $$ = NULL; }
  | LIKE quoted { $$ = BUILD(struct ast_show, .like = $2); }
  | ILIKE quoted { $$ = BUILD(struct ast_show, .like = $2, .ilike = true); }
  | NOT_LA LIKE quoted { $$ = BUILD(struct ast_show, .like = $3, .not_like = true); }
  | NOT_LA ILIKE quoted { $$ = BUILD(struct ast_show, .like = $3, .not_like = true, .ilike = true); }
  ;
describe:
    describe_word ident { $$ = build_describe(c, @$, AST_DESCRIBE_TABLE, false, $2); }
  | describe_word EXTENDED ident { $$ = build_describe(c, @$, AST_DESCRIBE_TABLE, true, $3); }
  | describe_word CATALOG extended_opt simple_ident { $$ = build_describe(c, @$, AST_DESCRIBE_CATALOG, $3, $4); }
  | describe_word DATABASE extended_opt ident { $$ = build_describe(c, @$, AST_DESCRIBE_DATABASE, $3, $4); }
  | describe_word FUNCTION extended_opt ident { $$ = build_describe(c, @$, AST_DESCRIBE_FUNCTION, $3, $4); }
  | describe_word MODEL extended_opt ident { $$ = build_describe(c, @$, AST_DESCRIBE_MODEL, $3, $4); }
  | describe_word CONNECTION extended_opt ident { $$ = build_describe(c, @$, AST_DESCRIBE_CONNECTION, $3, $4); }
  | describe_word JOB quoted
        { $$ = build_describe(c, @$, AST_DESCRIBE_JOB, false, NULL); AST_TO(describe, $$)->job = $3; }
  ;
describe_word: DESCRIBE | DESC ;
extended_opt: %empty { $$ = false; } | EXTENDED { $$ = true; } ;
explain:
    EXPLAIN explained { $$ = (struct ast *)build_explain(c, @$, 0, $2); }
  | EXPLAIN PLAN FOR explained
        { struct ast_explain *e = build_explain(c, @$, 0, $4); e->plan_for = true; $$ = (struct ast *)e; }
  | EXPLAIN AST_WORD FOR explained
        { struct ast_explain *e = build_explain(c, @$, 0, $4); e->ast_for = true; $$ = (struct ast *)e; }
  | EXPLAIN explain_details explained { $$ = (struct ast *)build_explain(c, @$, (unsigned)$2, $3); }
  ;
explained:
    query { $$ = (struct ast *)$1; }
  | insert
  | statement_set
  | execute
  | create
        {
            $$ = $1;
            if ($$->kind != AST_CREATE_TABLE || !AST_TO(create_table, $$)->as_query)
                build_fail(c, @$, ERR_PARSE, "of CREATE statements, EXPLAIN takes only CREATE TABLE ... AS query");
        }
  ;
explain_details:
    explain_detail
  | explain_details ',' explain_detail
        {
            if ($1 & $3) build_fail(c, @3, ERR_PARSE, "this EXPLAIN detail is given twice");
            $$ = $1 | $3;
        }
  ;
explain_detail:
    ESTIMATED_COST { $$ = AST_EXPLAIN_ESTIMATED_COST; }
  | CHANGELOG_MODE { $$ = AST_EXPLAIN_CHANGELOG_MODE; }
  | JSON_EXECUTION_PLAN { $$ = AST_EXPLAIN_JSON; }
  | PLAN_ADVICE { $$ = AST_EXPLAIN_ADVICE; }
  ;
set:
    SET { $$ = build_set(c, @$, NULL, NULL, false); }
  | SET string '=' string { $$ = build_set(c, @$, build_string($2), build_string($4), true); }
  | SET RAW_TEXT
        {
            $$ = build_set(c, @$, $2->text, NULL, false);
            build_fail(c, @2, ERR_PARSE, "SET takes a key and a value: SET 'key' = 'value'");
        }
  | SET RAW_TEXT RAW_TEXT { $$ = build_set(c, @$, $2->text, $3->text, false); }
  | RESET { $$ = build_reset(c, @$, NULL, false); }
  | RESET string { $$ = build_reset(c, @$, build_string($2), true); }
  | RESET RAW_TEXT { $$ = build_reset(c, @$, $2->text, false); }
  ;

/* ---- INSERT and statement sets ------------------------------------------------------------- */

insert:
    insert_word ident hints_opt partition_opt insert_source conflict_opt
        {
            struct ast_insert *i = BUILD_NODE(c, AST_INSERT, @$, struct ast_insert);
            i->overwrite = $1 == 1;
            i->upsert = $1 == 2;
            i->table = $2;
            i->hints = build_hints($3);
            i->partition = $4;
            i->columns = $5->columns;
            i->n_columns = $5->n_columns;
            i->query = $5->query;
            i->conflict = (enum ast_conflict)$6;
            $$ = build_done(c, i);
        }
  ;
insert_word:
    INSERT INTO { $$ = 0; }
  | INSERT OVERWRITE { $$ = 1; }
  | UPSERT INTO { $$ = 2; }
  ;
insert_source:
    query { $$ = BUILD(struct ast_insert, .query = $1); }
  | '(' ident_list ')' query
        { $$ = BUILD(struct ast_insert, .columns = build_list_items($2), .n_columns = build_list_n($2), .query = $4); }
  ;
conflict_opt:
    %empty { $$ = AST_CONFLICT_NONE; }
  | ON_LA CONFLICT DO ERROR { $$ = AST_CONFLICT_ERROR; }
  | ON_LA CONFLICT DO NOTHING { $$ = AST_CONFLICT_NOTHING; }
  | ON_LA CONFLICT DO DEDUPLICATE { $$ = AST_CONFLICT_DEDUPLICATE; }
  ;
statement_set:
    STATEMENT SET BEGIN inserts END { $$ = build_statement_set(c, @$, AST_SET_PLAIN, $4); }
  | BEGIN STATEMENT SET ';' inserts END { $$ = build_statement_set(c, @$, AST_SET_BEGIN, $5); }
  ;
inserts:
    insert ';' { $$ = ADD_PTR(NULL, $1); }
  | inserts insert ';' { $$ = ADD_PTR($1, $2); }
  ;
execute:
    EXECUTE STATEMENT SET BEGIN inserts END { $$ = build_statement_set(c, @$, AST_SET_EXECUTE, $5); }
  | EXECUTE query { $$ = build_execute(c, @$, (struct ast *)$2); }
  | EXECUTE insert { $$ = build_execute(c, @$, $2); }
  | EXECUTE PLAN string
        {
            struct ast_execute_plan *p = BUILD_NODE(c, AST_EXECUTE_PLAN, @$, struct ast_execute_plan);
            p->path = build_string($3);
            $$ = build_done(c, p);
        }
  ;

/* ---- other statements ---------------------------------------------------------------------- */

dml:
    UPDATE ident hints_opt target_alias SET assignments where_opt
        {
            struct ast_update *u = BUILD_NODE(c, AST_UPDATE, @$, struct ast_update);
            u->table = $2;
            u->hints = build_hints($3);
            u->alias = $4;
            u->columns = build_list_items($6->args);
            u->values = build_list_items($6->order_by);
            u->n_columns = build_list_n($6->args);
            u->where = $7;
            $$ = build_done(c, u);
        }
  | DELETE FROM ident hints_opt target_alias where_opt
        {
            struct ast_delete *d = BUILD_NODE(c, AST_DELETE, @$, struct ast_delete);
            d->table = $3;
            d->hints = build_hints($4);
            d->alias = $5;
            d->where = $6;
            $$ = build_done(c, d);
        }
  | merge INTO ident { $$ = (struct ast *)$3; }
  ;
merge: MERGE { build_fail(c, @$, ERR_UNSUPPORTED, "MERGE is not supported"); } ;
target_alias: %empty { $$ = NULL; } | as_opt name { $$ = $2; } ;
assignments:
    simple_ident '=' expr { $$ = BUILD(struct build_args, .args = ADD_PTR(NULL, $1), .order_by = ADD_PTR(NULL, $3)); }
  | assignments ',' simple_ident '=' expr
        { $1->args = ADD_PTR($1->args, $3); $1->order_by = ADD_PTR($1->order_by, $5); $$ = $1; }
  ;
misc:
    TRUNCATE TABLE ident
        {
            struct ast_truncate *t = BUILD_NODE(c, AST_TRUNCATE, @$, struct ast_truncate);
            t->table = $3;
            $$ = build_done(c, t);
        }
  | CALL ident '(' call_args ')'
        {
            struct ast_call_procedure *p = BUILD_NODE(c, AST_CALL_PROCEDURE, @$, struct ast_call_procedure);
            p->call = build_call(c, build_span(@2, @5), $2, $4);
            build_call_done(c, p->call);
            $$ = build_done(c, p);
        }
  | ANALYZE TABLE ident analyze_partition COMPUTE STATISTICS analyze_columns
        {
            struct ast_analyze *a = $7;
            a->base.span = @$;
            a->table = $3;
            a->partition = $4;
            $$ = build_done(c, a);
        }
  | COMPILE PLAN string if_not_exists FOR compiled
        {
            struct ast_compile_plan *p = BUILD_NODE(c, AST_COMPILE_PLAN, @$, struct ast_compile_plan);
            p->path = build_string($3);
            p->if_not_exists = $4;
            p->stmt = $6;
            $$ = build_done(c, p);
        }
  | COMPILE AND EXECUTE PLAN string FOR compiled
        {
            struct ast_compile_plan *p = BUILD_NODE(c, AST_COMPILE_PLAN, @$, struct ast_compile_plan);
            p->path = build_string($5);
            p->execute = true;
            p->stmt = $7;
            $$ = build_done(c, p);
        }
  | ADD JAR quoted { $$ = build_jar(c, @$, false, $3); }
  | REMOVE JAR quoted { $$ = build_jar(c, @$, true, $3); }
  | LOAD MODULE name with_options_opt
        {
            struct ast_module *m = BUILD_NODE(c, AST_MODULE, @$, struct ast_module);
            m->name = *$3;
            m->options = build_option_list($4);
            $$ = build_done(c, m);
        }
  | UNLOAD MODULE name
        {
            struct ast_module *m = BUILD_NODE(c, AST_MODULE, @$, struct ast_module);
            m->unload = true;
            m->name = *$3;
            $$ = build_done(c, m);
        }
  | STOP JOB quoted stop_mode
        {
            struct ast_stop_job *s = BUILD_NODE(c, AST_STOP_JOB, @$, struct ast_stop_job);
            s->job = $3;
            s->savepoint = $4 > 0;
            s->drain = $4 == 2;
            $$ = build_done(c, s);
        }
  | CLIENT_WORD { $$ = build_client(c, @$, $1); }
  ;
compiled: statement_set | insert ;
analyze_partition:
    %empty { $$ = NULL; }
  | PARTITION '(' analyze_values ')'
        { $$ = BUILD(struct ast_partition, .items = build_list_items($3), .n = build_list_n($3)); }
  ;
analyze_values:
    analyze_value { $$ = ADD(NULL, struct ast_partition_value, $1); }
  | analyze_values ',' analyze_value { $$ = ADD($1, struct ast_partition_value, $3); }
  ;
analyze_value: partition_value | name { $$ = BUILD(struct ast_partition_value, .name = *$1); } ;
analyze_columns:
    %empty { $$ = BUILD_NODE(c, AST_ANALYZE, @$, struct ast_analyze); }
  | FOR COLUMNS name_list
        { $$ = BUILD_NODE(c, AST_ANALYZE, @$, struct ast_analyze); $$->columns = build_names($3); }
  | FOR ALL COLUMNS
        { $$ = BUILD_NODE(c, AST_ANALYZE, @$, struct ast_analyze); $$->all_columns = true; }
  ;
stop_mode:
    %empty { $$ = 0; }
  | WITH SAVEPOINT { $$ = 1; }
  | WITH SAVEPOINT WITH DRAIN { $$ = 2; }
  | WITH DRAIN { $$ = 0; build_fail(c, @$, ERR_PARSE, "WITH DRAIN needs WITH SAVEPOINT in front of it"); }
  ;

/* Words that Flink accepts as names. */
nonreserved:
    ABSENT | ADD | AFTER | ANALYZE | ASC | BERNOULLI | CASCADE | CATALOG | CHANGELOG_MODE
    | COLUMNS | COMPILE | COMPUTE | CONDITIONAL | CONFLICT | CONNECTION | CONSTRAINTS | DATABASE
    | DEDUPLICATE | DESC | DO | DRAIN | ENFORCED | ERROR | ESTIMATED_COST | EXCLUDE | EXCLUDING
    | FIRST | FOLLOWING | GENERATED | INCLUDING | INPUT | JAR | JARS | JOB | JOBS | JSON
    | JSON_EXECUTION_PLAN | KEY | LAST | LOAD | MAP | METADATA | MODEL | NOTHING | NULLS | OPTIONS
    | ORDINALITY | OTHERS | OUTPUT | OVERWRITE | OVERWRITING | PARTIAL | PARTITIONED | PARTITIONS
    | PASSING | PAST | PLACING | PLAN | PLAN_ADVICE | PRECEDING | REMOVE | REPEATABLE | REPLACE
    | RESTRICT | RETURNING | SETS | STATISTICS | STOP | SUBSTITUTE | TEMPORARY | TIES
    | UNCONDITIONAL | UNLOAD | VIEW | VIRTUAL | WRAPPER | ZONE
  ;

%%

static int yyreport_syntax_error(const yypcontext_t *ctx, struct sql_parse *c) {
    yysymbol_kind_t kinds[EXPECTED_MAX];
    const char *names[EXPECTED_MAX];
    int n = yypcontext_expected_tokens(ctx, kinds, EXPECTED_MAX);
    if (n < 0) n = 0;
    for (int i = 0; i < n; i++) names[i] = yysymbol_name(kinds[i]);
    sql_syntax_error(c, names, (size_t)n);
    return 0;
}

/* Bison itself reports only that its stack is full. */
static void sql_yyerror(const struct ast_span *at, struct sql_parse *c, const char *what) {
    build_fail(c, *at, ERR_PARSE, "the statement is nested too deeply (limit %d)", SQL_DEPTH_MAX);
}

int sql_yylex(SQL_YYSTYPE *value, struct ast_span *at, struct sql_parse *c) {
    const struct sql_token *t = &c->tokens->items[c->next];
    c->current = t;
    if (c->next + 1 < c->tokens->n) c->next++;
    value->tok = t;
    *at = t->span;
    return c->rc ? TOK_SQL_YYerror : t->kind;
}
