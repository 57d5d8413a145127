/** @type {import('next').NextConfig} */
export default { basePath: '/shop/photos' };
