fn main() {
    let pool = aquifer::Pool::new();
    let _ = pool.alloc("its text lies elsewhere");
    let _ = pool.alloc_drop(String::from("its heap memory is freed"));
}
