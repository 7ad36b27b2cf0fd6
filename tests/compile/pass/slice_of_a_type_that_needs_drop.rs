fn main() {
    let pool = aquifer::Pool::new();
    let _ = pool.alloc_slice_fill_with(3, |n| [n]);
}
