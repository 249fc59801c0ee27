//! What penstock/udf.h declares, for Rust: the same structs, and safe views of arguments. With the
//! crate arrow, `arrow::ffi` has ArrowArray and ArrowSchema with the same layout, and from_ffi and
//! to_ffi in place of `Strings` and `release_*` here.
use std::ffi::{c_char, c_int, c_void, CString};

pub const ABI: u32 = 1;
pub const SCALAR: u32 = 1;
pub const TABLE: u32 = 2;
pub const AGGREGATE: u32 = 3;
pub const STRICT: u32 = 2;

#[repr(C)]
pub struct ArrowSchema {
    pub format: *const c_char,
    pub name: *const c_char,
    pub metadata: *const c_char,
    pub flags: i64,
    pub n_children: i64,
    pub children: *mut *mut ArrowSchema,
    pub dictionary: *mut ArrowSchema,
    pub release: Option<unsafe extern "C" fn(*mut ArrowSchema)>,
    pub private_data: *mut c_void,
}

#[repr(C)]
pub struct ArrowArray {
    pub length: i64,
    pub null_count: i64,
    pub offset: i64,
    pub n_buffers: i64,
    pub n_children: i64,
    pub buffers: *mut *const c_void,
    pub children: *mut *mut ArrowArray,
    pub dictionary: *mut ArrowArray,
    pub release: Option<unsafe extern "C" fn(*mut ArrowArray)>,
    pub private_data: *mut c_void,
}

#[repr(C)]
pub struct Call {
    pub size_bytes: u32,
    pub overload: u32,
    pub args: *const ArrowSchema,
    pub result: *const ArrowSchema,
    pub time_zone: *const c_char,
    pub state: *mut c_void,
    pub fail: unsafe extern "C" fn(*mut Call, i64, *const c_char),
    pub engine: *mut c_void,
}

pub type Eval = unsafe extern "C" fn(*mut Call, *mut ArrowArray, *mut ArrowArray, *mut ArrowSchema) -> c_int;
pub type Fold = unsafe extern "C" fn(*mut Call, *const *mut c_void, *mut ArrowArray) -> c_int;
pub type Write = unsafe extern "C" fn(*mut c_void, *const c_void, usize);

#[repr(C)]
pub struct Aggregate {
    pub acc_size_bytes: u32,
    pub reserved: u32,
    pub create: Option<unsafe extern "C" fn(*mut Call, *mut c_void)>,
    pub destroy: Option<unsafe extern "C" fn(*mut Call, *mut c_void)>,
    pub accumulate: Option<Fold>,
    pub retract: Option<Fold>,
    pub merge: Option<unsafe extern "C" fn(*mut Call, *const *mut c_void, *const *const c_void, i64) -> c_int>,
    pub serialise: Option<unsafe extern "C" fn(*mut Call, *const c_void, *mut c_void, Write)>,
    pub restore: Option<unsafe extern "C" fn(*mut Call, *mut c_void, *const c_void, usize) -> c_int>,
    pub value: Option<
        unsafe extern "C" fn(*mut Call, *const *const c_void, i64, *mut ArrowArray, *mut ArrowSchema) -> c_int,
    >,
}

#[repr(C)]
pub struct Overload {
    pub signature: *const c_char,
    pub eval: Option<Eval>,
    pub aggregate: *const Aggregate,
}

#[repr(C)]
pub struct Udf {
    pub abi: u32,
    pub size_bytes: u32,
    pub kind: u32,
    pub flags: u32,
    pub n_overloads: u32,
    pub reserved: u32,
    pub overloads: *const Overload,
    pub doc: *const c_char,
    pub open: Option<unsafe extern "C" fn(*mut Call) -> c_int>,
    pub close: Option<unsafe extern "C" fn(*mut Call)>,
}

// They hold pointers to constants only.
unsafe impl Sync for Udf {}
unsafe impl Sync for Overload {}

pub const fn describe(kind: u32, flags: u32, overloads: &'static [Overload]) -> Udf {
    Udf {
        abi: ABI,
        size_bytes: std::mem::size_of::<Udf>() as u32,
        kind,
        flags,
        n_overloads: overloads.len() as u32,
        reserved: 0,
        overloads: overloads.as_ptr(),
        doc: std::ptr::null(),
        open: None,
        close: None,
    }
}

impl Call {
    /// For `return call.error(row, text)`.
    pub fn error(&mut self, row: i64, message: &str) -> c_int {
        let text = CString::new(message.replace('\0', " ")).unwrap_or_default();
        unsafe { (self.fail)(self, row, text.as_ptr()) };
        1
    }
}

/// An argument column; offset is 0, as penstock/udf.h promises.
#[derive(Clone, Copy)]
pub struct Column<'a>(&'a ArrowArray);

/// The columns of a batch.
pub struct Columns<'a>(&'a ArrowArray);

impl<'a> Columns<'a> {
    /// # Safety
    /// args is what the engine gave.
    pub unsafe fn new(args: *mut ArrowArray) -> Columns<'a> {
        Columns(&*args)
    }
    pub fn len(&self) -> usize {
        self.0.length as usize
    }
    pub fn column(&self, i: usize) -> Column<'a> {
        assert!((i as i64) < self.0.n_children);
        unsafe { Column(&**self.0.children.add(i)) }
    }
}

impl<'a> Column<'a> {
    fn buffer<T>(&self, i: usize, n: usize) -> &'a [T] {
        unsafe { std::slice::from_raw_parts(*self.0.buffers.add(i) as *const T, n) }
    }
    pub fn is_valid(&self, row: usize) -> bool {
        let bits = unsafe { *self.0.buffers } as *const u8;
        bits.is_null() || unsafe { *bits.add(row / 8) } >> (row % 8) & 1 == 1
    }
    /// Values of a fixed width: of the type that the signature says.
    ///
    /// # Safety
    /// T is that type.
    pub unsafe fn values<T>(&self) -> &'a [T] {
        self.buffer(1, self.0.length as usize)
    }
    pub fn string(&self, row: usize) -> &'a str {
        let offsets: &[i32] = self.buffer(1, self.0.length as usize + 1);
        let bytes: &[u8] = self.buffer(2, offsets[self.0.length as usize] as usize);
        // The engine's strings are UTF-8.
        unsafe { std::str::from_utf8_unchecked(&bytes[offsets[row] as usize..offsets[row + 1] as usize]) }
    }
}

/// What an array that we made owns.
struct Owned {
    _buffers: Vec<Box<dyn std::any::Any>>,
    pointers: Vec<*const c_void>,
    children: Vec<*mut ArrowArray>,
}

unsafe extern "C" fn release_owned(array: *mut ArrowArray) {
    let owned = Box::from_raw((*array).private_data as *mut Owned);
    for child in &owned.children {
        let mut child = Box::from_raw(*child);
        if let Some(release) = child.release {
            release(&mut *child);
        }
    }
    (*array).release = None;
}

/// Puts an array together: its validity bitmap if there is one, its other buffers, its children.
pub fn array(length: usize, nulls: usize, buffers: Vec<Option<Buffer>>, children: Vec<ArrowArray>) -> ArrowArray {
    let pointers = buffers.iter().map(|b| b.as_ref().map_or(std::ptr::null(), |b| b.pointer)).collect();
    let owners = buffers.into_iter().flatten().map(|b| b.owner).collect();
    let children = children.into_iter().map(|c| Box::into_raw(Box::new(c))).collect();
    let mut owned = Box::new(Owned { _buffers: owners, pointers, children });
    ArrowArray {
        length: length as i64,
        null_count: nulls as i64,
        offset: 0,
        n_buffers: owned.pointers.len() as i64,
        n_children: owned.children.len() as i64,
        buffers: owned.pointers.as_mut_ptr(),
        children: owned.children.as_mut_ptr(),
        dictionary: std::ptr::null_mut(),
        release: Some(release_owned),
        private_data: Box::into_raw(owned) as *mut c_void,
    }
}

pub struct Buffer {
    pointer: *const c_void,
    owner: Box<dyn std::any::Any>,
}

pub fn buffer<T: 'static>(values: Vec<T>) -> Option<Buffer> {
    Some(Buffer { pointer: values.as_ptr() as *const c_void, owner: Box::new(values) })
}

/// Values of a fixed width, None where NULL.
pub fn fixed<T: Copy + Default + 'static>(values: Vec<Option<T>>) -> ArrowArray {
    let nulls = values.iter().filter(|v| v.is_none()).count();
    let mut bits = vec![0u8; values.len() / 8 + 1];
    for (i, v) in values.iter().enumerate() {
        bits[i / 8] |= (v.is_some() as u8) << (i % 8);
    }
    let valid = if nulls > 0 { buffer(bits) } else { None };
    let n = values.len();
    array(n, nulls, vec![valid, buffer(values.into_iter().map(|v| v.unwrap_or_default()).collect())], vec![])
}
