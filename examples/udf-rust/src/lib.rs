//! User-defined functions in Rust, one of each kind:
//!
//!   edit_distance(a, b)   scalar: Levenshtein's distance
//!   divisors(n)           table: a row for each divisor
//!   geo_mean(x)           aggregate: geometric mean, which takes rows back too
mod penstock;

use penstock::*;
use std::ffi::{c_char, c_int, c_void};

/// `library!(name, kind, flags, [(signature, eval, aggregate), ...])`: what SQL finds as name.
macro_rules! library {
    ($entry:ident, $kind:expr, $flags:expr, [$(($signature:expr, $eval:expr, $aggregate:expr)),*]) => {
        #[no_mangle]
        pub extern "C" fn $entry(_engine_abi: u32) -> *const Udf {
            static OVERLOADS: &[Overload] =
                &[$(Overload { signature: concat!($signature, "\0").as_ptr() as *const c_char, eval: $eval, aggregate: $aggregate }),*];
            static UDF: Udf = describe($kind, $flags, OVERLOADS);
            &UDF
        }
    };
}

// ---- edit_distance ----

fn distance(a: &str, b: &str) -> i32 {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<i32> = (0..=b.len() as i32).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i as i32;
        row[0] = diagonal + 1;
        for (j, y) in b.iter().enumerate() {
            let replace = diagonal + (x != *y) as i32;
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

unsafe extern "C" fn edit_distance(
    _call: *mut Call, args: *mut ArrowArray, ret: *mut ArrowArray, _schema: *mut ArrowSchema,
) -> c_int {
    let args = Columns::new(args);
    let (a, b) = (args.column(0), args.column(1));
    *ret = fixed(
        (0..args.len())
            .map(|i| (a.is_valid(i) && b.is_valid(i)).then(|| distance(a.string(i), b.string(i))))
            .collect(),
    );
    0
}

library!(penstock_udf_edit_distance, SCALAR, STRICT,
         [("(STRING, STRING) -> INT NOT NULL", Some(edit_distance), std::ptr::null())]);

// ---- divisors ----

unsafe extern "C" fn divisors(
    call: *mut Call, args: *mut ArrowArray, ret: *mut ArrowArray, _schema: *mut ArrowSchema,
) -> c_int {
    let args = Columns::new(args);
    let n = args.column(0);
    let values = n.values::<i32>();
    let (mut offsets, mut found) = (vec![0i32], Vec::new());
    for i in 0..args.len() {
        if n.is_valid(i) {
            if values[i] <= 0 {
                return (*call).error(i as i64, &format!("divisors of {}", values[i]));
            }
            found.extend((1..=values[i]).filter(|d| values[i] % d == 0).map(Some));
        }
        offsets.push(found.len() as i32);
    }
    *ret = array(args.len(), 0, vec![None, buffer(offsets)], vec![fixed(found)]);
    0
}

library!(penstock_udf_divisors, TABLE, 0, [("(INT) -> INT NOT NULL", Some(divisors), std::ptr::null())]);

// ---- geo_mean ----

#[repr(C)]
struct GeoMean {
    log_sum: f64,
    count: i64,
}

unsafe fn fold(call: *mut Call, accs: *const *mut c_void, args: *mut ArrowArray, sign: i64) -> c_int {
    let args = Columns::new(args);
    let x = args.column(0).values::<f64>();
    for (i, x) in x.iter().enumerate() {
        if *x <= 0.0 {
            return (*call).error(i as i64, "geo_mean takes positive numbers");
        }
        let acc = &mut *(*accs.add(i) as *mut GeoMean);
        acc.log_sum += sign as f64 * x.ln();
        acc.count += sign;
    }
    0
}

unsafe extern "C" fn accumulate(call: *mut Call, accs: *const *mut c_void, args: *mut ArrowArray) -> c_int {
    fold(call, accs, args, 1)
}

unsafe extern "C" fn retract(call: *mut Call, accs: *const *mut c_void, args: *mut ArrowArray) -> c_int {
    fold(call, accs, args, -1)
}

unsafe extern "C" fn merge(_call: *mut Call, dst: *const *mut c_void, src: *const *const c_void, n: i64) -> c_int {
    for i in 0..n as usize {
        let (to, from) = (&mut *(*dst.add(i) as *mut GeoMean), &*(*src.add(i) as *const GeoMean));
        to.log_sum += from.log_sum;
        to.count += from.count;
    }
    0
}

unsafe extern "C" fn value(
    _call: *mut Call, accs: *const *const c_void, n: i64, ret: *mut ArrowArray, _schema: *mut ArrowSchema,
) -> c_int {
    *ret = fixed(
        (0..n as usize)
            .map(|i| {
                let acc = &*(*accs.add(i) as *const GeoMean);
                (acc.count > 0).then(|| (acc.log_sum / acc.count as f64).exp())
            })
            .collect(),
    );
    0
}

static GEO_MEAN: Aggregate = Aggregate {
    acc_size_bytes: std::mem::size_of::<GeoMean>() as u32,
    reserved: 0,
    create: None,
    destroy: None,
    accumulate: Some(accumulate),
    retract: Some(retract),
    merge: Some(merge),
    serialise: None,
    restore: None,
    value: Some(value),
};

library!(penstock_udf_geo_mean, AGGREGATE, STRICT, [("(DOUBLE) -> DOUBLE", None, &GEO_MEAN)]);
