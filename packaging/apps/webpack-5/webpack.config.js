module.exports = {
  devServer: { static: [{ directory: 'public' }, { directory: 'public', publicPath: '/public' }] },
};
